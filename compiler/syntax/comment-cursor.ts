/** The comments of a file on their way back into its text: each is taken once, in order. */
import type { Comment } from "./ast.ts";

export class CommentCursor {
  private readonly comments: readonly Comment[];
  private next = 0;

  constructor(comments: readonly Comment[]) {
    this.comments = comments;
  }

  /** Takes the comments that begin before an offset. */
  before(offset: number, belongs: (comment: Comment) => boolean = () => true): Comment[] {
    return this.while((comment) => comment.span.start < offset && belongs(comment));
  }

  /** Takes the comments between two offsets that stand on a line with code before them, up to the first that does not. */
  trailing(from: number, to: number, belongs: (comment: Comment) => boolean = () => true): Comment[] {
    return this.while((comment) => comment.trailing && comment.span.start >= from && comment.span.start < to && belongs(comment));
  }

  private while(belongs: (comment: Comment) => boolean): Comment[] {
    const taken: Comment[] = [];
    for (let comment = this.comments[this.next]; comment !== undefined && belongs(comment); comment = this.comments[this.next]) {
      taken.push(comment);
      this.next += 1;
    }
    return taken;
  }

  /** Whether the next comment begins before an offset. */
  waitsBefore(offset: number): boolean {
    const comment = this.comments[this.next];
    return comment !== undefined && comment.span.start < offset;
  }

  /** Where the last comment between two offsets ends if it stands on a line with code before it; else `from`. */
  endBehind(from: number, to: number): number {
    let [low, high] = [0, this.comments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.comments[middle]!.span.start < to) low = middle + 1;
      else high = middle;
    }
    const last = this.comments[low - 1];
    return last !== undefined && last.trailing && last.span.start >= from ? last.span.end : from;
  }
}
