import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { interopProgram, runProgram } from "./programs.js";

/** A case of h2spec, and what became of it. */
export interface H2specCase {
  /** As `http2/3.5 Sends invalid connection preface`. */
  name: string;
  /** What h2spec expected and what it saw instead; undefined when the case passed. */
  failure: string | undefined;
}

/** Runs every case of h2spec, the strict ones too, against a listener that speaks HTTP/2 by prior knowledge. */
export async function runH2spec({ host, port }: { host: string; port: number }): Promise<H2specCase[]> {
  const folder = mkdtempSync(join(tmpdir(), "h2spec-"));
  try {
    const report = join(folder, "report.xml");
    const target = ["--host", host, "--port", String(port)];
    const { output } = await runProgram(interopProgram("h2spec"), ["-S", ...target, "-j", report]);
    return readReport(readReportFile(report, output));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readReportFile(report: string, output: string): string {
  try {
    return readFileSync(report, "utf8");
  } catch {
    throw new Error(`h2spec wrote no report: ${output}`);
  }
}

const CASE = /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs;
const NOT_PASSED = /<(?:failure|error|skipped)>(.*?)<\/(?:failure|error|skipped)>/s;

/** Reads a report in JUnit's format, as h2spec writes it. */
function readReport(report: string): H2specCase[] {
  return [...report.matchAll(CASE)].map(([, section = "", title = "", outcome = ""]) => {
    const failure = NOT_PASSED.exec(outcome)?.[1];
    const name = `${section} ${plainText(title)}`;
    return { name, failure: failure === undefined ? undefined : plainText(failure) || "skipped" };
  });
}

/** Undoes the escapes of XML that Go's encoder makes. */
function plainText(escaped: string): string {
  const names: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">" };
  return escaped.replace(/&(?:#(\d+)|#x([0-9A-Fa-f]+)|(\w+));/g, (whole, decimal, hexadecimal, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hexadecimal !== undefined) return String.fromCodePoint(parseInt(String(hexadecimal), 16));
    return names[String(name)] ?? whole;
  });
}
