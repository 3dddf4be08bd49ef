/** Every tensor begins at a multiple of this, so that vectors and cache lines do: what lies between is lost. */
export const alignment = 64;

/** What a tensor of so many bytes takes on a tile that has any of it. */
export const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;
