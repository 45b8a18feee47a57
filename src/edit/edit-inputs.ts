import { decodeManifest } from "../manifest/index.js";
import { Failure, type Printer } from "../output/index.js";
import type { Edit } from "./edit.js";
import { findInputs } from "./find-inputs.js";
import { type Input, nameOf } from "./input.js";
import { JoinedTexts } from "./joined-texts.js";
import { readInput } from "./read-input.js";
import { replaceFile } from "./replace-file.js";
import { type EditedInput, errorLines, inputLines, jsonReport, sumLine } from "./report.js";

/** What to edit, and how to tell of it. */
export interface EditOrder {
  /** Files, folders, addresses, `-`; standard input when there are none. */
  readonly words: readonly string[];
  /** Folders within folders too. */
  readonly recursive: boolean;
  /** Files are written back, and nothing goes to standard output. */
  readonly inPlace: boolean;
  readonly report: "lines" | "json" | "errors";
  readonly edit: Edit;
  /** The outcomes to count, in their order. */
  readonly outcomes: readonly string[];
  /** The outcome that counts as a failure, if one does. */
  readonly failOn?: string | undefined;
}

/**
 * Edits inputs one after another: their texts go to standard output or back into the files, what became of the resources to
 * standard error. An input that fails gives nothing, and the others are still done.
 * @returns whether all of it went well
 * @throws Failure with status 2 when the order cannot be meant
 */
export async function editInputs(order: EditOrder, printer: Printer): Promise<boolean> {
  const inputs = await findInputs(order.words, order.recursive);
  if (order.inPlace) requireFiles(inputs);
  if (inputs.some(({ kind }) => kind === "stdin") && process.stdin.isTTY) {
    printer.note("reads manifests from this terminal until Ctrl-D; --help tells how to name files");
  }
  const texts = new JoinedTexts();
  const done: EditedInput[] = [];
  for (const input of inputs) {
    if (printer.readerGone.aborted) break;
    const edited = await editInput(input, order, (text) => printer.write(texts.next(text)));
    const lines =
      order.report === "lines" ? inputLines(edited) : order.report === "errors" ? errorLines(edited) : [];
    for (const line of lines) printer.note(line);
    done.push(edited);
  }
  printer.write(texts.end());
  if (order.report === "lines") printer.note(sumLine(done, order.outcomes));
  if (order.report === "json") printer.note(jsonReport(done, order.outcomes));
  return !done.some((input) => hasFailed(input, order.failOn));
}

function hasFailed({ mistakes, failure, resources }: EditedInput, failOn: string | undefined): boolean {
  return failure !== undefined || mistakes.length > 0 || resources.some(({ outcome }) => outcome === failOn);
}

function requireFiles(inputs: readonly Input[]): void {
  const other = inputs.find(({ kind }) => kind === "stdin" || kind === "url");
  if (!other) return;
  throw new Failure(`--in-place: ${nameOf(other)} cannot be written back`, {
    hint: "files and folders, or no --in-place",
    exitStatus: 2,
  });
}

async function editInput(input: Input, order: EditOrder, give: (text: string) => void): Promise<EditedInput> {
  const name = nameOf(input);
  const nothing = { name, changed: false, resources: [], mistakes: [] };
  try {
    const text = decodeManifest(await readInput(input));
    if (typeof text !== "string") return { ...nothing, mistakes: [text] };
    const edited = await order.edit(text);
    if (!edited.ok) return { ...nothing, mistakes: edited.mistakes };
    const changed = edited.text !== text;
    if (!order.inPlace) give(edited.text);
    else if (changed && input.kind === "file") await replaceFile(input.path, edited.text);
    return { ...nothing, changed, resources: edited.resources };
  } catch (error) {
    if (error instanceof Failure) return { ...nothing, failure: error };
    throw error;
  }
}
