/** Index expressions as `constant + Σ coefficient · local`: what tells strides, distances and independence of accesses. */
import type { Expression, LocalId } from "./kernel.ts";

export interface LinearForm {
  readonly constant: number;
  /** Coefficients that are not zero. */
  readonly terms: ReadonlyMap<LocalId, number>;
}

/** Coefficients beyond this are refused, so that sums stay exact. */
const largest = 2 ** 31;

/** Undefined where the expression is not linear in locals. */
export function linearForm(expression: Expression): LinearForm | undefined {
  switch (expression.kind) {
    case "constant": return typeof expression.value === "number" ? { constant: expression.value, terms: new Map() } : undefined;
    case "local": return expression.dtype === "i32" && expression.lanes === 1 ? { constant: 0, terms: new Map([[expression.local, 1]]) } : undefined;
    case "unary": {
      const operand = expression.op === "neg" ? linearForm(expression.operand) : undefined;
      return operand === undefined ? undefined : scale(operand, -1);
    }
    case "binary": {
      if (expression.dtype !== "i32") return undefined;
      const left = linearForm(expression.left);
      const right = linearForm(expression.right);
      if (left === undefined || right === undefined) return undefined;
      switch (expression.op) {
        case "add": return sum(left, right, 1);
        case "sub": return sum(left, right, -1);
        case "mul": {
          if (right.terms.size === 0) return scale(left, right.constant);
          return left.terms.size === 0 ? scale(right, left.constant) : undefined;
        }
        default: return undefined;
      }
    }
    default: return undefined;
  }
}

function scale(form: LinearForm, factor: number): LinearForm | undefined {
  const terms = new Map<LocalId, number>();
  if (factor !== 0) for (const [local, coefficient] of form.terms) terms.set(local, coefficient * factor);
  return checked({ constant: form.constant * factor, terms });
}

function sum(a: LinearForm, b: LinearForm, sign: 1 | -1): LinearForm | undefined {
  const terms = new Map(a.terms);
  for (const [local, coefficient] of b.terms) {
    const total = (terms.get(local) ?? 0) + sign * coefficient;
    if (total === 0) terms.delete(local);
    else terms.set(local, total);
  }
  return checked({ constant: a.constant + sign * b.constant, terms });
}

function checked(form: LinearForm): LinearForm | undefined {
  const small = Math.abs(form.constant) < largest && [...form.terms.values()].every((coefficient) => Math.abs(coefficient) < largest);
  return small ? form : undefined;
}

/** Text that is equal for forms of equal terms. */
export const termsKey = ({ terms }: LinearForm): string => [...terms].sort(([a], [b]) => a - b).map(([local, coefficient]) => `+${coefficient}·${local}`).join("");

export const coefficientOf = (form: LinearForm, local: LocalId): number => form.terms.get(local) ?? 0;
