/**
 * Expressions are trees: what stands in one twice would be computed twice. Here such parts of the value a statement sets or
 * stores become locals, set just before the statement. Fused bodies repeat themselves (`around == 3 | around == 2 & …`), and
 * neither expand-math nor a wasm engine finds the equal loads and calls again.
 *
 * Equality is structural. Indices of loads are left as they are, since later passes read them as affine forms. Both sides of
 * a `select` may be evaluated anyway, so taking a part out of one changes nothing; conditions of loops are left alone.
 */
import type { Pass } from "../../support/pass.ts";
import type { Kernel } from "../kernel.ts";
import { shareAmong } from "../parts.ts";
import { LocalTable, rewriteStatements, withBody } from "../walk.ts";

export const shareParts: Pass<Kernel, Kernel> = {
  name: "share-parts",
  summary: "equal parts of one value are computed once, into locals",
  run(kernel) {
    const locals = new LocalTable(kernel.locals);
    const body = rewriteStatements(kernel.body, (statement) => (statement.kind === "set" || statement.kind === "store" ? shareAmong([statement], locals) : [statement]));
    return withBody(kernel, body, locals.list);
  },
};
