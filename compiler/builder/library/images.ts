// Written by `npm run generate`; change what it is made from instead.
/** Module std/images, for the builder. */
import type { DType } from "../../../runtime/dtype.ts";
import { define } from "../call.ts";
import type { Operand, Tensor } from "../tensor.ts";

/** Elements along the middle dimension at places between elements, 0 being the first and n − 1 the last. `mode` is "linear", "cubic" (Keys, 1981, with `coefficient`), "nearest" (of two equally near the first), "floor" or "ceil". Beyond the ends it is as at them; with `inside` neighbours beyond are left out instead, and the others count the more. Where places are further apart than elements, `scale`, elements a place, makes each a mean over so many more of them. */
export const interpolate = define<<T extends DType, P extends DType>(x: Operand<T>, places: Operand<P>, options?: { mode?: string; coefficient?: number; inside?: boolean; scale?: number }) => Tensor<T>>("std/images", "interpolate");

/** Where in an axis of n elements each of `count` elements comes from when it is resized by `scale`. `align`: "centres" of the elements at the ends stay as far from the border, "corners" fall together, "origin" puts the first on the first. */
export const resize_places = define<(n: number, count: number, options?: { align?: string; scale?: number }) => Tensor<"f64">>("std/images", "resize_places");

/** Images in another size, each axis interpolated for itself. `mode` and `align` ("centres", "corners", "origin") are those of `interpolate` and `resize_places`; linear with centres is what PyTorch calls bilinear. With `antialias` an image that becomes smaller is made of means. */
export const resize2d = define<<T extends DType>(x: Operand<T>, height: number, width: number, options?: { mode?: string; align?: string; antialias?: boolean }) => Tensor<T>>("std/images", "resize2d");

/** Images seen at the places of a grid [n, rows, columns, 2]: x and y from −1 to 1, from border to border, or with `corners` from the centre of the first element to that of the last. `mode` is "linear", "nearest" or "cubic"; `outside` is "zeros", "edge" or "mirrored". */
export const grid_sample = define<<T extends DType>(x: Operand<T>, grid: Operand<T>, options?: { mode?: string; outside?: string; corners?: boolean }) => Tensor<T>>("std/images", "grid_sample");

/** The same of bodies of several planes; x, y and z of the grid [n, planes, rows, columns, 3]. */
export const grid_sample3d = define<<T extends DType>(x: Operand<T>, grid: Operand<T>, options?: { mode?: string; outside?: string; corners?: boolean }) => Tensor<T>>("std/images", "grid_sample3d");

/** The grid [n, rows, columns, 2] on which `grid_sample` sees images moved and turned by matrices [n, 2, 3]. */
export const affine_grid = define<<T extends DType>(matrices: Operand<T>, rows: number, columns: number, options?: { corners?: boolean }) => Tensor<T>>("std/images", "affine_grid");

/** The same for bodies: matrices [n, 3, 4], a grid [n, planes, rows, columns, 3]. */
export const affine_grid3d = define<<T extends DType>(matrices: Operand<T>, planes: number, rows: number, columns: number, options?: { corners?: boolean }) => Tensor<T>>("std/images", "affine_grid3d");

/** Boxes of images in one size (He et al., 2017): of each box [x, y, x, y] of the image that `images` names, every element is the mean of `samples` · `samples` places of its part, seen linearly. Boxes times `scale` are in elements; with `half`, their centres are at a half. */
export const roi_align = define<<T extends DType>(x: Operand<T>, boxes: Operand<T>, images: Operand<"i32">, rows: number, columns: number, options?: { samples?: number; scale?: number; half?: boolean }) => Tensor<T>>("std/images", "roi_align");

/** A convolution whose filters see each of their elements at a place of its own (Dai et al., 2017): images [n, c, h, w], filters [o, c / groups, kh, kw], offsets [n, parts · kh · kw · 2, rows, columns] of y and x, for each of `parts` parts of the channels, and a mask [n, parts · kh · kw, rows, columns] that what is seen is multiplied by. Beyond the image are zeros. */
export const deform_conv2d = define<<T extends DType>(x: Operand<T>, filters: Operand<T>, offsets: Operand<T>, options?: { mask?: Operand<T>; stride?: number; padding?: number; dilation?: number }) => Tensor<T>>("std/images", "deform_conv2d");

/** The boxes that stay when each that overlaps a better one by more than `overlap` of their union is left out: boxes [n, 4] as two opposite corners, at most `most`, none with a score of `least` or less. Gives their numbers, the best first, with −1 for those that are missing, and how many there are. */
export const nms = define<<T extends DType>(boxes: Operand<T>, scores: Operand<T>, most: number, options?: { overlap?: number; least?: number }) => readonly [Tensor<"i32">, Tensor<"i32">]>("std/images", "nms", { results: 2 });
