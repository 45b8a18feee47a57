import { Printer } from "../output/index.js";

/** A printer for what another command shows: indented, notes as well; `onLine` is called after each line. */
export function excerptPrinter(printer: Printer, onLine: () => void = () => undefined): Printer {
  const stream = {
    isTTY: printer.interactive,
    write: (text: string) => {
      printer.write(text.replace(/^(?=.)/gm, "  "));
      text.match(/\n/g)?.forEach(onLine);
      return true;
    },
    on: () => undefined,
  };
  return new Printer(stream, stream);
}
