import type { Node } from "./model.js";
import { Index } from "./registered.js";

/** The nodes that a registry declared, found by name and by address. */
export class Nodes {
  private readonly byName = new Map<string, Node>();
  private readonly byIp = new Index<Node>();

  /** Returns what stood there before. */
  set(name: string, node: Node | undefined): Node | undefined {
    const before = this.byName.get(name);
    for (const ip of before?.addresses ?? []) this.byIp.delete(ip, before);
    for (const ip of node?.addresses ?? []) this.byIp.add(ip, node);
    if (node) this.byName.set(name, node);
    else this.byName.delete(name);
    return before;
  }

  /** Undefined too when the node is in no zone. */
  zoneOf(name: string): string | undefined {
    return this.byName.get(name)?.zone;
  }

  hasIp(ip: string): boolean {
    return this.byIp.get(ip).size > 0;
  }

  ips(): string[] {
    return [...this.byName.values()].flatMap(({ addresses }) => addresses);
  }
}
