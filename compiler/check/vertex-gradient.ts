/**
 * The `grad` clause of a vertex. Its body reads every field: an `out` field as it is afterwards, the others as they were before.
 * Of a float field `x` there is `d_x`, the gradient of the loss by it: of an `in` field the body writes it; of an `out` field it
 * reads it; of an `inout` field it is the gradient by what the field becomes, and the body makes it the one by what it was.
 */
import { isFloat } from "../../runtime/dtype.ts";
import { cast, constant, KernelBuilder } from "../kernel/build.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type * as ast from "../syntax/ast.ts";
import { report, type Frame } from "./frame.ts";
import { VertexBody, type Field } from "./vertex-body.ts";

/** The name of the gradient by a field, in a `grad` clause. */
export const gradientName = (field: ast.VertexField): ast.Identifier => ({ ...field.name, name: `d_${field.name.name}` });

/** The kernel of a `grad` clause: its buffers as `Vertex.gradient` says. Undefined once reported. */
export function gradientKernel(frame: Frame, declaration: ast.VertexDeclaration, fields: readonly Field[], body: readonly ast.Statement[]): Kernel | undefined {
  const kernel = new KernelBuilder(`${declaration.name.name}.grad`, declaration.name.span);
  const before = frame.session.reporter.errors;
  const values = fields.map(({ declaration: field, type }): Field => ({
    declaration: { ...field, access: "in" }, type,
    buffer: kernel.buffer({ name: field.name.name, dtype: type.dtype, shape: type.shape, access: "in", origin: field.name.span }),
  }));
  const gradients = fields.filter(({ type }) => isFloat(type.dtype)).map(({ declaration: field, type }): Field => {
    const name = gradientName(field);
    const twin = fields.find((other) => other.declaration.name.name === name.name);
    if (twin) report(frame, "duplicate-name", twin.declaration.name.span, `in the grad clause ${name.name} is the gradient by ${field.name.name}`, { related: [{ span: field.name.span, text: "declared here" }] });
    return { declaration: { ...field, name, access: field.access === "in" ? "out" : "inout" }, type, buffer: kernel.buffer({ name: name.name, dtype: type.dtype, shape: type.shape, access: "inout", origin: field.name.span }) };
  });
  new VertexBody(frame, kernel, [...values, ...gradients]).compile(body);
  // What an out field had before is overwritten, so the loss does not depend on it.
  gradients.forEach(({ declaration: { name }, buffer, type }) => {
    if (fields.find((field) => `d_${field.declaration.name.name}` === name.name)!.declaration.access !== "out") return;
    const zero = cast(type.dtype, constant(type.dtype === "f64" ? "f64" : "f32", 0));
    kernel.forBox(type.shape, true, (at) => kernel.store(buffer, at, zero));
  });
  if (frame.session.reporter.errors > before) return undefined;
  return kernel.finish();
}
