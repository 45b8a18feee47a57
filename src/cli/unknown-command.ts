import type { Hook } from "@oclif/core";
import { Failure, nearest } from "../output/index.js";
import { commandOf } from "./explanation.js";

/** What `oclif` must find on an error to end the command with it. */
class UnknownCommand extends Failure {
  readonly oclif = { exit: 2 };

  constructor(message: string, hint: string) {
    super(message, { hint, exitStatus: 2 });
  }
}

/** oclif's hook for a command line that names no known command. */
const unknownCommand: Hook<"command_not_found"> = ({ id, argv = [], config }) => {
  const typed = id.replaceAll(":", " ");
  if (typed.startsWith("-")) throw new UnknownCommand(`unknown flag ${typed}`, "mesh --help");
  const command = commandOf(typed.split(" "), config);
  if (command) {
    throw new UnknownCommand(
      `unexpected argument ${typed.slice(command.length + 1)}`,
      `mesh ${command} --help`,
    );
  }
  const known = config.commandIDs.map((name) => name.replaceAll(":", " "));
  const meant = nearest(typed, known) ?? nearest([typed, ...argv].slice(0, 2).join(" "), known);
  throw new UnknownCommand(`unknown command ${typed}`, meant ? `mesh ${meant}` : "mesh --help");
};

export default unknownCommand;
