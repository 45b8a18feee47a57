import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runMesh } from "../mesh-command.js";

let directory: string;
const scriptFor = (shell: string) => join(directory, `completion.${shell}`);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "mesh-completion-"));
  for (const shell of ["bash", "zsh"]) {
    writeFileSync(scriptFor(shell), (await runMesh(["completion", shell])).stdout);
  }
});
afterAll(() => rmSync(directory, { recursive: true }));

/** What bash offers for the last of these words. */
function completedByBash(...words: string[]): string[] {
  const program = `
    source "$1"; shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _mesh
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync("bash", ["-c", program, "bash", scriptFor("bash"), ...words], {
    encoding: "utf8",
  });
  return output.split("\n").filter(Boolean);
}

describe("completion in bash", () => {
  it("is registered for mesh", () => {
    const program = `source "$1"; complete -p mesh`;
    const output = execFileSync("bash", ["-c", program, "bash", scriptFor("bash")], { encoding: "utf8" });
    expect(output).toContain("-F _mesh mesh");
  });

  it.each([
    [["mesh", "ver"], ["version"]],
    [["mesh", "prox"], ["proxy"]],
    [["mesh", "proxy", ""], ["run"]],
    [
      ["mesh", "completion", ""],
      ["bash", "zsh", "--help"],
    ],
    [["mesh", "demo", "--o"], ["--once"]],
    [["mesh", "demo", "--once", "--he"], ["--help"]],
    [
      ["mesh", "proxy", "run", "--name", "a", "--log-format", ""],
      ["text", "json"],
    ],
    [["mesh", "proxy", "run", "--log-format", "=", "j"], ["json"]],
    [
      ["mesh", "proxy", "run", "--log-format", "="],
      ["text", "json"],
    ],
    [["mesh", "proxy", "run", "--name", ""], []],
    [["mesh", "inject", "--skip-s"], ["--skip-subnets"]],
    [["mesh", "inject", "--image-pull-policy", "Al"], ["Always"]],
    [["mesh", "inject", "-f", ""], []],
    [["mesh", "stat", "dep"], ["deployment"]],
    [["mesh", "tap", "workload/a", "--to", "serv"], ["service"]],
    [["mesh", "stat", "pod", "a", "-o", "w"], ["wide"]],
  ])("%j offers %j", (words, expected) => {
    expect(completedByBash(...words)).toEqual(expected);
  });
});

/** What an interactive zsh makes of a line when Tab is pressed at its end; it has to contain `expected`. */
function completedByZsh(line: string, expected: string): string {
  const program = `
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "PROMPT='> '; autoload -Uz compinit && compinit -u -D; source $1; echo lo''aded"
    zpty -r shell seen '*loaded*'
    zpty -n -w shell "$2"$'\\t'
    zpty -r shell seen "*$3*"
    print -r -- "$seen"`;
  const words = [scriptFor("zsh"), line, expected];
  return execFileSync("zsh", ["-f", "-c", program, "zsh", ...words], { encoding: "utf8", timeout: 60_000 });
}

describe("completion in zsh", () => {
  it.each([
    ["mesh ver", "version"],
    ["mesh proxy r", "run"],
    ["mesh demo --on", "--once"],
    ["mesh proxy run --log-format j", "json"],
    ["mesh ", "Print the version"],
    ["mesh stat names", "namespace"],
  ])("%j becomes or offers %j", (line, expected) => {
    expect(completedByZsh(line, expected)).toContain(expected);
  });
});
