/** Functions that called each other, the outermost at the root, and how often each was seen. */
export interface Frame {
  readonly name: string;
  /** Runs in the kernel. */
  readonly isKernel: boolean;
  /** Samples in the function and in those that it called. */
  samples: number;
  readonly called: Map<string, Frame>;
}

/** Where nothing was found. */
const UNKNOWN = "[unknown]";

/** Puts the stacks that `perf script` prints together into one tree. */
export function readStacks(script: string): Frame {
  const root = frame("all", false);
  for (const sample of script.split(/\n\n+/)) {
    const [, ...lines] = sample.trim().split("\n");
    if (lines.length > 0) add(root, lines.map(readFrame).reverse());
  }
  return root;
}

/** A line such as `ffffffff81000000 tcp_sendmsg+0x27 ([kernel.kallsyms])`. */
function readFrame(line: string): { readonly name: string; readonly isKernel: boolean } {
  const { symbol = UNKNOWN, place = "" } =
    /^\s*[0-9a-f]+ (?<symbol>.*) \((?<place>[^()]*)\)$/.exec(line)?.groups ?? {};
  return { name: shortened(symbol), isKernel: place.startsWith("[kernel") || place.endsWith(".ko") };
}

/** Without the offset, the hash at the end and the types of generics. */
function shortened(symbol: string): string {
  let name = symbol.replace(/\+0x[0-9a-f]+$/, "").replace(/::h[0-9a-f]{16}$/, "");
  for (let before = ""; before !== name;) {
    before = name;
    name = name
      .replace(/<[^<>]* as ([^<>]*)>/g, "$1")
      .replace(/^<([^<>]*)>/, "$1")
      .replace(/(?:::)?<[^<>]*>/g, "");
  }
  return name || UNKNOWN;
}

function add(root: Frame, stack: readonly { readonly name: string; readonly isKernel: boolean }[]): void {
  root.samples += 1;
  let at = root;
  for (const { name, isKernel } of stack) {
    const key = `${isKernel} ${name}`;
    const next = at.called.get(key) ?? frame(name, isKernel);
    at.called.set(key, next);
    next.samples += 1;
    at = next;
  }
}

function frame(name: string, isKernel: boolean): Frame {
  return { name, isKernel, samples: 0, called: new Map() };
}

/** A function, and how many samples found it itself at work, not one that it called. */
export interface AtWork {
  readonly name: string;
  readonly isKernel: boolean;
  readonly samples: number;
}

/** The functions that were at work, the most often first. */
export function atWork(root: Frame): readonly AtWork[] {
  const found = new Map<string, AtWork>();
  const visit = ({ name, isKernel, samples, called }: Frame) => {
    const inCalled = [...called.values()].reduce((sum, one) => sum + one.samples, 0);
    const before = found.get(name)?.samples ?? 0;
    found.set(name, { name, isKernel, samples: before + samples - inCalled });
    called.forEach(visit);
  };
  visit(root);
  return [...found.values()]
    .filter(({ samples }) => samples > 0)
    .sort((one, other) => other.samples - one.samples);
}
