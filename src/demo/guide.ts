import { formatBytes, type Printer } from "../output/index.js";
import type { DemoMesh } from "./demo-mesh.js";
import { invocation } from "./invocation.js";
import type { Proof } from "./proof.js";

/** Tells the reader of the demo what there is to see, in at most 100 columns. */
export class Guide {
  readonly #printer: Printer;
  readonly #mesh: DemoMesh;
  readonly #program = invocation();

  readonly #transparent: boolean;

  constructor(printer: Printer, mesh: DemoMesh, transparent: boolean) {
    this.#printer = printer;
    this.#mesh = mesh;
    this.#transparent = transparent;
  }

  /** What was started, and how a request travels through it. */
  introduce(version: string): void {
    const { bold, dim, cyan } = this.#printer.colours;
    const { apiAddress, hello, world } = this.#mesh;
    const sidecar = cyan("[sidecar]");
    this.#print(
      `${bold(`mesh ${version}`)}  a service mesh on this machine: ${
        this.#transparent ? "a network namespace a service" : "real parts, ordinary processes, no root"
      }`,
      "",
      `  you ──▶ ${sidecar} ${bold("hello")} ${sidecar} ──▶ ${sidecar} ${bold("world")}`,
      "",
      this.#list([
        ["control plane", apiAddress, "tells the sidecars where services are, and gathers what they count"],
        [
          "hello",
          hello.address,
          `greets; asks world for whom, ${this.#transparent ? "at http://world/" : "through http_proxy and by name"}`,
        ],
        ["world", world.address, 'answers "world", and knows nothing of the mesh either'],
      ]),
      dim(
        this.#transparent
          ? "  An address is its service's own. iptables hands what comes and goes to the sidecar beside it."
          : "  An address is its service's sidecar, which takes the calls in; the same process takes calls out.",
      ),
    );
  }

  /** What was sent, and that the sidecars saw it all. */
  tellTraffic(perSecond: number, { succeeded, hello, world }: Proof): void {
    const { green, bold } = this.#printer.colours;
    const memory = formatBytes(Math.max(hello.rssBytes, world.rssBytes));
    this.#section("TRAFFIC", `${perSecond} requests a second to hello, each of which makes hello call world`);
    this.#print(
      `  ${green("✓")} ${succeeded} answered. The sidecars' own counters: ${hello.inbound} into hello, ` +
        `${hello.outbound} out of hello, ${world.inbound} into world.`,
      `  ${green("✓")} Each sidecar needs ${bold(memory)} of memory or less.`,
    );
  }

  /** What the following table is. */
  tellStat(): void {
    this.#section(
      "STAT",
      "who was asked how much, how well and how fast in the last minute, told by the sidecars",
    );
    this.#command(`stat workload --api ${this.#mesh.apiAddress}`);
  }

  /** What the following lines are. */
  tellTap(): void {
    this.#section("TAP", "requests as they happen: this one came in to hello, which then asked world");
    this.#command(`tap workload/hello --api ${this.#mesh.apiAddress}`);
  }

  /** The table of `mesh bench`. */
  tellBench(table: string): void {
    this.#section(
      "BENCH",
      "what a sidecar costs on this machine, against direct calls; a second each, so only a taste",
    );
    this.#command("bench");
    this.#print(indent(wrap(table)));
  }

  /** What the reader can do now. */
  tellNext(stays: boolean): void {
    if (stays) this.#tellWhileItRuns();
    else this.#tellAfterwards();
  }

  #tellWhileItRuns(): void {
    const { apiAddress, directory, hello, prefix, callWorld } = this.#mesh;
    const { admin } = hello.sidecar.addresses;
    this.#section(
      "TRY",
      "in another terminal; light traffic goes on until Ctrl-C ends the demo and all its parts",
    );
    this.#print(
      this.#list([
        [`${prefix}${this.#program} stat all --api ${apiAddress} -w`, "the figures, live"],
        [`${prefix}${this.#program} tap all --api ${apiAddress}`, "every request, live"],
        [`${prefix}curl http://${hello.address}/`, "call hello through its sidecar"],
        [callWorld, "call world by name, as hello does"],
        [`${prefix}curl http://${admin}/metrics`, "what Prometheus sees of hello's sidecar"],
        [
          `ls ${directory}${this.#transparent ? "" : "/disco"}`,
          "edit these files: the mesh follows within a second",
        ],
      ]),
    );
  }

  #tellAfterwards(): void {
    this.#section("NEXT", "all parts of the demo have ended");
    this.#print(
      this.#list([
        [`${this.#program} demo`, "in a terminal, the mesh stays, to look into"],
        [`${this.#program} bench`, "measure longer, or your own service"],
        [`${this.#program} --help`, "every command"],
      ]),
    );
  }

  #section(title: string, meaning: string): void {
    const { bold } = this.#printer.colours;
    this.#print("", `${bold(title)}  ${meaning}`);
  }

  /** The command that shows the same. */
  #command(words: string): void {
    this.#print(this.#printer.colours.dim(`  $ ${this.#program} ${words}`));
  }

  /** Rows whose last column explains the others. */
  #list(rows: readonly (readonly string[])[]): string {
    const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
    const { cyan, dim } = this.#printer.colours;
    return rows
      .map((row) => {
        const last = row.length - 1;
        const cells = row.map((cell, column) => {
          if (column === last) return dim(cell);
          const padded = cell.padEnd(width(column));
          return column === last - 1 ? cyan(padded) : padded;
        });
        return `  ${cells.join("  ")}`;
      })
      .join("\n");
  }

  #print(...lines: string[]): void {
    this.#printer.print(lines.join("\n"));
  }
}

const indent = (text: string) => text.replace(/^(?=.)/gm, "  ");

/** Breaks sentences that are too long for the page; tables are not. */
const wrap = (text: string) =>
  text.replace(/^.{97,}$/gm, (line) => line.replace(/(.{1,96})(?: +|$)/g, "$1\n").trimEnd());
