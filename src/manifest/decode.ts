import { isUtf8 } from "node:buffer";
import { excerpt, type Refusal } from "./refusal.js";

/** The text of a file, its byte order mark kept. Refused where it is no UTF-8 text. */
export function decodeManifest(bytes: Uint8Array): string | Refusal {
  const zero = bytes.indexOf(0);
  if (zero !== -1) return refusal(bytes, zero, "a zero byte: this is binary, not YAML or JSON");
  if (isUtf8(bytes)) return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return refusal(bytes, firstInvalid(bytes), "not UTF-8: expected YAML or JSON in UTF-8");
}

/** The first byte that is no part of UTF-8. */
function firstInvalid(bytes: Uint8Array): number {
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isPrefixOfText(bytes.subarray(0, middle + 1))) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isPrefixOfText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function refusal(bytes: Uint8Array, at: number, message: string): Refusal {
  const before = Buffer.from(bytes.buffer, bytes.byteOffset, at);
  const lineStart = before.lastIndexOf(0x0a) + 1;
  let line = 1;
  for (let i = before.indexOf(0x0a); i !== -1; i = before.indexOf(0x0a, i + 1)) line++;
  const shown = Buffer.from(
    bytes.buffer,
    bytes.byteOffset + lineStart,
    Math.min(bytes.length - lineStart, 200),
  );
  const column = before.subarray(lineStart).toString("utf8").length + 1;
  const text = shown.toString("utf8").split(/\r?\n/)[0] ?? "";
  return {
    refused: true,
    line,
    column,
    message,
    excerpt: excerpt(text, column),
    hint: "is this the right file?",
  };
}
