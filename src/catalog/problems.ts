import { EventEmitter } from "node:events";
import type { NamedResource } from "../mesh-kinds/index.js";
import type { Problem } from "./model.js";

interface ProblemEvents {
  found: [Problem];
  solved: [Problem];
}

/** What is wrong at the moment, by whoever reports it; emits when a problem appears and when it is gone. */
export class Problems extends EventEmitter<ProblemEvents> {
  private readonly byReporter = new Map<string, Map<string, Problem>>();

  /** Replaces everything that `reporter` (a file, a part) had reported before. */
  report(reporter: string, problems: Problem[]): void {
    const before = this.byReporter.get(reporter) ?? new Map<string, Problem>();
    const now = new Map(problems.map((problem) => [keyOf(problem), problem]));
    if (now.size === 0) this.byReporter.delete(reporter);
    else this.byReporter.set(reporter, now);
    for (const [key, problem] of before) if (!now.has(key)) this.emit("solved", problem);
    for (const [key, problem] of now) if (!before.has(key)) this.emit("found", problem);
  }

  /** Every present problem, by source and line. */
  list(): Problem[] {
    const all = [...this.byReporter.values()].flatMap((problems) => [...problems.values()]);
    return all.sort((a, b) => a.source.localeCompare(b.source) || a.line - b.line);
  }
}

/** What a resource says that is understood and means nothing, in words; the resource is named where its source is a line of a file. */
export function findingsIn(
  { kind, namespace, name, origin }: NamedResource & { readonly origin: Omit<Problem, "message"> },
  findings: readonly string[],
): Problem[] {
  const resource = origin.line === 0 ? "" : `${kind} ${namespace}/${name}: `;
  return findings.map((finding) => ({ ...origin, message: `${resource}${finding}` }));
}

const keyOf = (problem: Problem) => `${problem.source}\0${problem.line}\0${problem.message}`;
