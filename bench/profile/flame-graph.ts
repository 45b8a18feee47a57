import type { Frame } from "./stacks.js";

const WIDTH = 1200;
const ROW = 16;
const MARGIN = 10;
const TITLE = 40;
/** Narrower frames are left out: nobody could read or point at them. */
const NARROWEST = 1;
/** Of a character in the font used, on average. */
const CHARACTER = 6.6;

const KERNEL = "#9ecae1";
const USER = "#fdae6b";

/** An SVG of a flame graph: width is the share of the samples, and each function stands on the one that called it. */
export function renderFlameGraph(root: Frame, title: string): string {
  const boxes: string[] = [];
  const scale = (WIDTH - 2 * MARGIN) / root.samples;
  const height = TITLE + (depthOf(root, scale) + 1) * ROW + MARGIN;
  const draw = (frame: Frame, x: number, level: number) => {
    const width = frame.samples * scale;
    if (width < NARROWEST) return;
    boxes.push(
      box(frame, { x, y: height - MARGIN - (level + 1) * ROW, width }, frame.samples / root.samples),
    );
    const called = [...frame.called.values()].sort((one, other) => one.name.localeCompare(other.name, "en"));
    let next = x;
    for (const one of called) {
      draw(one, next, level + 1);
      next += one.samples * scale;
    }
  };
  draw(root, MARGIN, 0);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`,
    ` font-family="monospace" font-size="11">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${WIDTH / 2}" y="18" font-size="14" text-anchor="middle">${escaped(title)}</text>`,
    legend(),
    ...boxes,
    `</svg>\n`,
  ].join("\n");
}

function depthOf({ samples, called }: Frame, scale: number): number {
  if (samples * scale < NARROWEST) return -1;
  return 1 + Math.max(-1, ...[...called.values()].map((one) => depthOf(one, scale)));
}

function legend(): string {
  const entry = (x: number, colour: string, text: string) =>
    `<rect x="${x}" y="26" width="10" height="10" fill="${colour}"/><text x="${x + 14}" y="35">${text}</text>`;
  return entry(MARGIN, USER, "user space") + entry(MARGIN + 100, KERNEL, "kernel");
}

function box(
  { name, isKernel, samples }: Frame,
  { x, y, width }: { readonly x: number; readonly y: number; readonly width: number },
  share: number,
): string {
  const place = `x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}"`;
  const label = shortenedTo(Math.floor((width - 4) / CHARACTER), name);
  const text = label && `<text x="${(x + 2).toFixed(1)}" y="${y + 11}">${escaped(label)}</text>`;
  const title = `<title>${escaped(name)}: ${(share * 100).toFixed(1)} %, ${samples} samples</title>`;
  return `<g>${title}<rect ${place} rx="1" fill="${isKernel ? KERNEL : USER}"/>${text}</g>`;
}

function shortenedTo(characters: number, name: string): string {
  if (name.length <= characters) return name;
  return characters < 4 ? "" : `${name.slice(0, characters - 1)}…`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
