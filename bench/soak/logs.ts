import type { Note } from "./journal.js";

/** What is no mistake: the control plane is killed again and again, and not every soak is of mTLS. */
const EXPECTED = [
  "lost the control plane; what it last said stays in force",
  "control plane not reached; trying on",
  "no certificate: control plane not reached; trying on",
  "the control plane has not said who may call the application: everybody may until it does",
  "no certificate authority: proxies speak plain text, and each is who it says it is",
];

/** Reads the logs of all programs, in JSON, and keeps what should not be there. */
export class Logs {
  /** Errors, warnings that nothing explains, and what is no line of a log, such as a panic. */
  readonly complaints: string[] = [];
  /** How often each warning came that is no mistake. */
  readonly expected = new Map<string, number>();

  constructor(private readonly note: Note) {}

  read(program: string, line: string): void {
    this.note(`${program}: ${line}`);
    const { level, message } = fieldsOf(line);
    if (/^info|debug$/i.test(level)) return;
    if (/^warn$/i.test(level) && EXPECTED.includes(message)) {
      this.expected.set(message, (this.expected.get(message) ?? 0) + 1);
    } else {
      this.complaints.push(`${program} logged: ${line.slice(0, 300)}`);
    }
  }
}

function fieldsOf(line: string): { level: string; message: string } {
  try {
    const { level, message } = JSON.parse(line) as { level?: unknown; message?: unknown };
    return { level: String(level), message: String(message) };
  } catch {
    return { level: "none", message: line };
  }
}
