import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Failure } from "../output/index.js";
import { fetchUrl } from "./fetch-url.js";
import { type Input, nameOf } from "./input.js";
import { explainSystemError } from "./system-error.js";
import { gather } from "./gather.js";

/** Reads an input to its end. @throws Failure that says why it cannot be read */
export async function readInput(input: Input): Promise<Buffer> {
  if (input.kind === "nothing") throw input.failure;
  return input.kind === "url" ? fetchUrl(input.url) : readStream(input, nameOf(input));
}

async function readStream(input: Input & { kind: "file" | "stdin" }, name: string): Promise<Buffer> {
  try {
    if (input.kind === "stdin") return await gather(process.stdin, name);
    if ((await stat(input.path)).isDirectory()) throw new Failure(`${name} cannot be read: it is a folder`);
    return await gather(createReadStream(input.path), name);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw explainSystemError(error, `${name} cannot be read`);
  }
}
