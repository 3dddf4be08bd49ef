/** How many equal parts an extent falls into where `wanted` are asked for: as many as parts of ⌈extent / wanted⌉ fill it. */
export const equalParts = (extent: number, wanted: number): number => Math.ceil(extent / Math.ceil(extent / wanted));
