/** What the import of a model says of what it cannot express: a reason that the table of cases shows. */
export class NotCovered extends Error {
  override readonly name = "NotCovered";
}
