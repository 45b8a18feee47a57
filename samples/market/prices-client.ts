import { type ClientHttp2Session, connect, constants } from "node:http2";
import { text } from "node:stream/consumers";

let session: ClientHttp2Session | undefined;

/** One connection for all questions, and another when that has ended. */
function openSession(): ClientHttp2Session {
  if (session !== undefined && !session.closed && !session.destroyed) return session;
  session = connect("http://prices").on("error", () => undefined);
  return session;
}

/** What a good costs, in cents. */
export async function priceOf(good: string): Promise<number> {
  const stream = openSession().request({ [constants.HTTP2_HEADER_PATH]: `/${good}` });
  let status: unknown;
  stream.on("response", (headers) => (status = headers[constants.HTTP2_HEADER_STATUS]));
  const answer = await text(stream);
  if (status !== 200) throw new Error(`prices: ${answer}`);
  return Number(answer);
}
