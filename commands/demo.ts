import { Command, Flags } from "@oclif/core";
import { followStarter, isInOwnNetwork, runDemo, runInOwnNetwork } from "../src/demo/index.js";
import { Printer } from "../src/output/index.js";
import { takeSignals } from "../src/process/index.js";

/** `mesh demo` */
export default class Demo extends Command {
  static override summary = "Run a small mesh on this machine, and show it at work.";
  static override description =
    "Starts a control plane, two services and a sidecar for each on free loopback ports, sends them a little traffic, and shows " +
    "what the commands tell of it. On a terminal it stays until Ctrl-C. Ends with 0 only if the traffic went through the sidecars. " +
    "With --transparent the services know nothing of a sidecar: each has a network namespace of its own, where iptables redirects " +
    "its connections. That needs root on Linux, and leaves the machine's own network alone.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --once",
    "sudo <%= config.bin %> <%= command.id %> --transparent",
  ];
  static override flags = {
    transparent: Flags.boolean({ description: "Services that know nothing of a sidecar (root, Linux)." }),
    once: Flags.boolean({ description: "End after the tour, on a terminal too." }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Demo);
    if (flags.transparent && !isInOwnNetwork()) {
      process.exitCode = await runInOwnNetwork();
      return;
    }
    const printer = new Printer();
    const end = new AbortController();
    const release = takeSignals(() => {
      end.abort();
    });
    if (flags.transparent) followStarter(() => end.abort());
    const signal = AbortSignal.any([end.signal, printer.readerGone]);
    try {
      const stays = printer.interactive && !flags.once;
      await runDemo({ version: this.config.version, transparent: flags.transparent, stays, printer, signal });
    } finally {
      release();
    }
  }
}
