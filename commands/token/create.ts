import { Command, Flags } from "@oclif/core";
import { issueToken } from "../../src/identity/index.js";
import { Printer } from "../../src/output/index.js";

/** `mesh token create` */
export default class TokenCreate extends Command {
  static override summary = "Make a token by which proxies on plain hosts show whose they are.";
  static override description =
    "Prints a signed token for one workload. A proxy that is given it (mesh proxy run --token-file) gets certificates for that " +
    "workload and no other, until the token ends. The control plane's directory must have a certificate authority (mesh ca create).";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --directory /etc/mesh --workload web > web.token",
    "<%= config.bin %> <%= command.id %> --directory /etc/mesh --workload deploy/web -n shop --ttl 720h",
  ];
  static override flags = {
    directory: Flags.string({
      required: true,
      helpValue: "DIR",
      description: "The directory of the control plane.",
    }),
    workload: Flags.string({
      required: true,
      helpValue: "[KIND/]NAME",
      description: "The workload whose proxies the token is for.",
    }),
    namespace: Flags.string({
      char: "n",
      default: "default",
      helpValue: "NAMESPACE",
      description: "The workload's namespace.",
    }),
    ttl: Flags.string({
      default: "24h",
      helpValue: "DURATION",
      description: "For how long the token is valid.",
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(TokenCreate);
    const token = await issueToken(flags);
    if (!token.ok) throw token.error;
    new Printer().print(token.value);
  }
}
