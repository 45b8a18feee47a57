/** What a line of the log is about, beside its message. */
export type LogFields = Readonly<Record<string, string | number>>;
export type LogFormat = "text" | "json";
export type LogLevel = "error" | "warn" | "info";

/** Writes one line an event: `TIME LEVEL MESSAGE key=value …`, or a JSON object. */
export class Log {
  constructor(
    private readonly format: LogFormat,
    private readonly write: (line: string) => void,
  ) {}

  info(message: string, fields: LogFields = {}): void {
    this.line("info", message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.line("warn", message, fields);
  }

  error(message: string, fields: LogFields = {}): void {
    this.line("error", message, fields);
  }

  private line(level: LogLevel, message: string, fields: LogFields): void {
    const time = new Date().toISOString();
    if (this.format === "json") {
      this.write(`${JSON.stringify({ time, level, message, ...fields })}\n`);
      return;
    }
    const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${quoted(String(value))}`);
    this.write(`${time} ${level.padEnd(5)} ${oneLine(message)}${pairs.join("")}\n`);
  }
}

/** Values that came from outside must not break the line, nor reach a terminal as control sequences. */
const oneLine = (text: string) =>
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (char) => JSON.stringify(char).slice(1, -1));

const quoted = (text: string) => (/^[^\s"=]+$/.test(text) ? oneLine(text) : JSON.stringify(text));
