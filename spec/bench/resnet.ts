/** The text of a ResNet-50-like program: 53 convolutions with bias in bottleneck blocks, as a .gph source. */

/** `width` 64 and `size` 224 are ResNet-50's own; `blocks` is how many bottlenecks each of the four stages has. */
export function resnetSource({ width = 64, size = 224, blocks = [3, 4, 6, 3] }: { readonly width?: number; readonly size?: number; readonly blocks?: readonly number[] } = {}): string {
  const params: string[] = [];
  const body: string[] = [];
  let count = 0;
  const conv = (input: string, channels: number, out: number, window: number, stride: number, activate: boolean): string => {
    const name = `c${count++}`;
    params.push(`  param ${name}.w: f32[${out}, ${channels}, ${window}, ${window}]; param ${name}.b: f32[${out}];`);
    const call = `conv2d(${input}, ${name}.w, ${name}.b, stride = ${stride}, padding = ${Math.floor(window / 2)})`;
    body.push(`    let ${name} = ${activate ? `relu(${call})` : call};`);
    return name;
  };
  let x = conv("x", 3, width, 7, 2, true);
  body.push(`    let pooled = max_pool2d(${x}, window = 3, stride = 2, padding = 1);`);
  x = "pooled";
  let channels = width;
  blocks.forEach((repeats, stage) => {
    const inner = width * 2 ** stage;
    for (let block = 0; block < repeats; block++) {
      const stride = block === 0 && stage > 0 ? 2 : 1;
      const a = conv(x, channels, inner, 1, 1, true);
      const b = conv(a, inner, inner, 3, stride, true);
      const c = conv(b, inner, inner * 4, 1, 1, false);
      const shortcut = block === 0 ? conv(x, channels, inner * 4, 1, stride, false) : x;
      body.push(`    let r${stage}_${block} = relu(${c} + ${shortcut});`);
      x = `r${stage}_${block}`;
      channels = inner * 4;
    }
  });
  return `import { conv2d, max_pool2d, relu } from "std/nn";

graph resnet {
  in x: f32[1, 3, ${size}, ${size}];
  out logits: f32[1, 1000];
${params.join("\n")}
  param fc.w: f32[${channels}, 1000]; param fc.b: f32[1000];

  program main {
${body.join("\n")}
    logits = mean(${x}, axis = (2, 3)) @ fc.w + fc.b;
  }
}
`;
}
