/**
 * How the rows of a comparison stand between the load and the backend: one proxy each, in HTTP/1 (`plain`) or HTTP/2; two with mTLS between
 * them (`secure`); one that accepts mTLS from the load (`accepting`); one that makes mTLS connections to what the load's side has (`connecting`);
 * two of ours before an application that ends no answer, with a permission that comes and goes (`permissions`).
 */
export type Arrangement = "plain" | "secure" | "http2" | "accepting" | "connecting" | "permissions";

/** In the order in which they are measured. */
export const ARRANGEMENTS: readonly Arrangement[] = [
  "plain",
  "secure",
  "http2",
  "accepting",
  "connecting",
  "permissions",
];
