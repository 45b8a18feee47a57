import { isIP } from "node:net";

/** A host name or a service's name: labels of letters, digits, hyphens and underscores, joined by dots. */
export const isHostName = (text: string) =>
  text.length <= 253 &&
  /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i.test(text);

/** An IP address, or a host name that cannot be a mistaken one. */
export const isHost = (text: string) => isIP(text) > 0 || (isHostName(text) && /[a-z]/i.test(text));

/** What Kubernetes takes as the name of most objects (RFC 1123). */
export const isObjectName = (text: string) =>
  text.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text);

/** What Kubernetes takes as the name of a namespace or a service (RFC 1123 label). */
export const isLabelName = (text: string) => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text);

export const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65535;
