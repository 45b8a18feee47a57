/** What a bench can speak. */
export const PROTOCOLS = ["http1", "http2", "grpc", "tcp"] as const;

/** HTTP/1.1, HTTP/2 on clear text by prior knowledge, gRPC's unary calls, or bytes of no protocol that a proxy knows. */
export type Protocol = (typeof PROTOCOLS)[number];

const STREAMS_A_CONNECTION = 8;

/** On how many connections so many requests are at once: in HTTP/2 a few share one. */
export function connectionsFor(protocol: Protocol, requests: number): number {
  return isHttp2(protocol) ? Math.ceil(requests / STREAMS_A_CONNECTION) : requests;
}

/** Whether it is carried in HTTP/2. */
export const isHttp2 = (protocol: Protocol): boolean => protocol === "http2" || protocol === "grpc";
