/**
 * Streams: pieces that go from one tile to the same receivers are sent one after the other without a gap, as one stream.
 * A stream is what a schedule orders; it may be cut into messages, at whole cycles, and a multicast may be sent to some of
 * its receivers now and to the others later.
 */
import { NumberList, PairNumbers } from "./numbers.ts";
import type { Transfers } from "./transfers.ts";

export interface Streams {
  readonly tiles: number;
  readonly count: number;
  readonly from: Int32Array;
  readonly bytes: Float64Array;
  /** The receivers of stream s: `to[start[s]]` to `to[start[s + 1] - 1]`. */
  readonly start: Int32Array;
  readonly to: Int32Array;
  /** Its pieces, in the order they are sent: `pieces[pieceStart[s]]` to `pieces[pieceStart[s + 1] - 1]`. */
  readonly pieceStart: Int32Array;
  readonly pieces: Int32Array;
}

export function streamsOf(transfers: Transfers): Streams {
  const receivers = new PairNumbers();
  const names = new PairNumbers();
  const streamOf = new Int32Array(transfers.pieces);
  const firstPiece = new NumberList();
  for (let piece = 0; piece < transfers.pieces; piece++) {
    let set = -1;
    for (let i = transfers.start[piece]!; i < transfers.start[piece + 1]!; i++) set = receivers.of(set, transfers.to[i]!);
    const stream = names.of(transfers.from[piece]!, set);
    if (stream === firstPiece.length) firstPiece.push(piece);
    streamOf[piece] = stream;
  }
  const count = firstPiece.length;
  const from = new Int32Array(count);
  const bytes = new Float64Array(count);
  const start = new Int32Array(count + 1);
  const pieceStart = new Int32Array(count + 1);
  for (let piece = 0; piece < transfers.pieces; piece++) {
    bytes[streamOf[piece]!]! += transfers.bytes[piece]!;
    pieceStart[streamOf[piece]! + 1]!++;
  }
  for (let stream = 0; stream < count; stream++) {
    const piece = firstPiece.at(stream);
    from[stream] = transfers.from[piece]!;
    start[stream + 1] = start[stream]! + transfers.start[piece + 1]! - transfers.start[piece]!;
    pieceStart[stream + 1]! += pieceStart[stream]!;
  }
  const to = new Int32Array(start[count]!);
  for (let stream = 0; stream < count; stream++) {
    const piece = firstPiece.at(stream);
    to.set(transfers.to.subarray(transfers.start[piece]!, transfers.start[piece + 1]!), start[stream]!);
  }
  const next = pieceStart.slice(0, count);
  const pieces = new Int32Array(transfers.pieces);
  for (let piece = 0; piece < transfers.pieces; piece++) pieces[next[streamOf[piece]!]!++] = piece;
  return { tiles: transfers.tiles, count, from, bytes, start, to, pieceStart, pieces };
}
