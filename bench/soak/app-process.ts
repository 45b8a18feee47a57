import { fileURLToPath } from "node:url";
import { Failure } from "../../src/output/index.js";
import { SupervisedProcess } from "../../src/process/index.js";
import type { AppLine } from "./app.js";

const PROGRAM = fileURLToPath(new URL("app.js", import.meta.url));

/** What an endpoint's application speaks. */
export type AppProtocol = "web" | "stream";

/** An application that runs. */
export interface App {
  readonly pid: number;
  /** kill -9. */
  kill(): Promise<void>;
}

/** Starts an application, and resolves when it listens. `hear` is told all else that it says. */
export async function startApp(
  protocol: AppProtocol,
  name: string,
  port: number,
  { seed, wrongByte }: { readonly seed: number; readonly wrongByte: boolean },
  hear: (line: AppLine) => void,
): Promise<App> {
  let onListening: () => void = () => undefined;
  const listening = new Promise<void>((resolve) => (onListening = resolve));
  const child = new SupervisedProcess({
    command: process.execPath,
    args: [PROGRAM, protocol, String(port), String(seed), name, ...(wrongByte ? ["wrong-byte"] : [])],
    env: process.env,
    onLine: (line) => {
      const said = lineOf(line);
      if (said.says === "listening") onListening();
      else hear(said);
    },
  });
  const ended = child.ended.then((): never => {
    throw new Failure(`the application ${name} ended`);
  });
  await Promise.race([listening, ended]);
  const kill = async () => {
    child.signal("SIGKILL");
    await child.ended;
  };
  return { pid: child.pid ?? 0, kill };
}

/** What is no line of its own is the end of a program that failed. */
function lineOf(line: string): AppLine {
  try {
    return JSON.parse(line) as AppLine;
  } catch {
    return { says: "violation", what: `an application said: ${line}` };
  }
}
