import { isIP } from "node:net";
import { IMAGE_NAME } from "../image-names/index.js";

/** The form of an option's value: how a person writes it, and what is made of it. */
export interface ValueType<T> {
  /** Stands for the value in a command's help: `PORTS`. */
  readonly placeholder: string;
  /** What a value has to be, as a message says it. */
  readonly expected: string;
  /** All there is to choose from, when that is little. */
  readonly choices?: readonly string[];
  /** The value that `text` means; undefined when it means none. */
  parse(text: string): T | undefined;
  /** What was probably meant by a text that means nothing. */
  meant?(text: string): string | undefined;
}

/** An amount of a resource as Kubernetes writes it. */
export interface Quantity {
  readonly text: string;
  /** Cores, or bytes. */
  readonly amount: number;
}

/** A port, or the first and the last of several. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Text that the proxy and its init step take as it is. */
export interface PortList {
  readonly text: string;
  readonly ranges: readonly PortRange[];
}

export const BOOLEAN: ValueType<boolean> = {
  placeholder: "true|false",
  expected: "true or false",
  choices: ["true", "false"],
  parse: (text) => (text === "true" ? true : text === "false" ? false : undefined),
  meant: (text) => {
    if (/^(on|yes|y|1|enabled)$/i.test(text)) return "true";
    return /^(off|no|n|0|disabled)$/i.test(text) ? "false" : undefined;
  },
};

/** One of a few words. */
export function choice<T extends string>(...choices: readonly T[]): ValueType<T> {
  return {
    placeholder: choices.join("|"),
    expected: `one of ${choices.join(", ")}`,
    choices,
    parse: (text) => choices.find((known) => known === text),
    meant: (text) => choices.find((known) => known.toLowerCase() === text.toLowerCase()),
  };
}

/** A whole number within bounds, in plain digits. */
export function wholeNumber(placeholder: string, least: number, most: number): ValueType<number> {
  return {
    placeholder,
    expected: `a whole number from ${least} to ${most}`,
    parse: (text) => {
      const number = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
      return number >= least && number <= most ? number : undefined;
    },
  };
}

export const PORT = wholeNumber("PORT", 1, 65535);

const items = (text: string) =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

/** Ports and ranges with commas between; an empty list is one too. */
export const PORTS: ValueType<PortList> = {
  placeholder: "PORTS",
  expected: "a list of ports and ranges, such as 25,8000-8100",
  parse: (text) => {
    const ranges = items(text).map(portRange);
    return isComplete(ranges) ? { text: items(text).join(","), ranges } : undefined;
  },
};

function portRange(text: string): PortRange | undefined {
  const [from = "", to = from, ...rest] = text.split("-");
  const [first, last] = [PORT.parse(from), PORT.parse(to)];
  if (rest.length > 0 || first === undefined || last === undefined || first > last) return undefined;
  return { first, last };
}

const isComplete = <T>(values: readonly (T | undefined)[]): values is readonly T[] =>
  !values.includes(undefined);

/** Networks with commas between; an empty list is one too. */
export const SUBNETS: ValueType<string> = {
  placeholder: "SUBNETS",
  expected:
    "a list of addresses or of networks without bits beyond their prefix, such as 10.0.0.0/8,2001:db8::/32",
  parse: (text) => (items(text).every(isSubnet) ? items(text).join(",") : undefined),
};

function isSubnet(text: string): boolean {
  const [address = "", prefix, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || address.includes("%")) return false;
  const bits = addressBits(address, family);
  if (prefix === undefined) return true;
  const length = /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN;
  return length <= bits.length && !bits.slice(length).includes("1");
}

/** The bits of a valid address, as a text of `0` and `1`. */
function addressBits(address: string, family: number): string {
  const binary = (number: number, width: number) => number.toString(2).padStart(width, "0");
  if (family === 4) {
    return address
      .split(".")
      .map((part) => binary(Number(part), 8))
      .join("");
  }
  // The parser of URLs writes any form of an IPv6 address in the shortest one, without dotted parts.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":").map((group) => parseInt(group, 16)));
  const [left, right] = [groups(head), groups(tail ?? "")];
  const gap = Array.from({ length: 8 - left.length - right.length }, () => 0);
  return [...left, ...gap, ...right].map((group) => binary(group, 16)).join("");
}

const DECIMAL: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Processor time: `500m` is half a core. */
export const CPU: ValueType<Quantity> = {
  placeholder: "CPU",
  expected: "cores (2, 0.5) or thousandths of one (500m)",
  parse: (text) => {
    const thousandths = /^(\d{1,9})m$/.exec(text)?.[1];
    const cores = /^\d{1,6}(?:\.\d{1,3})?$/.test(text) ? Number(text) : NaN;
    return positive(text, thousandths === undefined ? cores : Number(thousandths) / 1000);
  },
};

/** Memory: `64Mi`. */
export const MEMORY: ValueType<Quantity> = {
  placeholder: "MEMORY",
  expected: "bytes with one of the suffixes Ki, Mi, Gi, Ti, k, M, G, T, such as 64Mi",
  parse: (text) => {
    const [, number = "", suffix = ""] = /^(\d{1,15}(?:\.\d{1,3})?)([A-Za-z]*)$/.exec(text) ?? [];
    return positive(text, number === "" ? NaN : Number(number) * (DECIMAL[suffix] ?? NaN));
  },
  meant: (text) => {
    const [, number, letter = ""] = /^(\d+)\s*([kmgt])i?b?$/i.exec(text) ?? [];
    const prefix = letter.toUpperCase();
    return number && `${number}${prefix}i or ${number}${prefix === "K" ? "k" : prefix}`;
  },
};

const positive = (text: string, amount: number): Quantity | undefined =>
  amount > 0 ? { text, amount } : undefined;

/** A container image: a name, with a registry, a tag or a digest where they are given. */
export const IMAGE: ValueType<string> = {
  placeholder: "IMAGE",
  expected: "the name of an image, such as registry.example/mesh-proxy:1.2.3",
  parse: (text) => (isImage(text) ? text : undefined),
  meant: (text) => (isImage(text.toLowerCase()) ? text.toLowerCase() : undefined),
};

const isImage = (text: string) => text.length <= 400 && IMAGE_NAME.test(text);

/** A name or an address, and a port. */
export const HOST_AND_PORT: ValueType<{ text: string; host: string }> = {
  placeholder: "HOST:PORT",
  expected: "HOST:PORT, with an IPv6 address in brackets",
  parse: (text) => {
    const [, v6, name = "", port = ""] = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text) ?? [];
    if (PORT.parse(port) === undefined || (v6 !== undefined && isIP(v6) !== 6)) return undefined;
    return { text, host: v6 ?? name };
  },
};
