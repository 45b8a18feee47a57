import { Command, Flags } from "@oclif/core";
import { createAuthority, DEFAULT_TRUST_DOMAIN, rootsFile } from "../../src/identity/index.js";
import { Printer } from "../../src/output/index.js";

/** `mesh ca create` */
export default class CaCreate extends Command {
  static override summary = "Make the certificate authority of a mesh on plain hosts.";
  static override description =
    "Makes a root, an issuer that it signs, and a key for tokens, below DIR/ca; private keys can be read by their owner alone. A " +
    "control plane with this --directory then certifies workloads. Prints the file with the root, which proxies are given.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --directory /etc/mesh",
    "<%= config.bin %> <%= command.id %> --directory /etc/mesh --trust-domain mesh.example.com",
  ];
  static override flags = {
    directory: Flags.string({
      required: true,
      helpValue: "DIR",
      description: "The directory of the control plane.",
    }),
    "trust-domain": Flags.string({
      default: DEFAULT_TRUST_DOMAIN,
      helpValue: "DOMAIN",
      description: "The part of workloads' identities that says which mesh they belong to.",
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(CaCreate);
    const created = await createAuthority(flags.directory, flags["trust-domain"]);
    if (!created.ok) throw created.error;
    new Printer().print(rootsFile(flags.directory));
  }
}
