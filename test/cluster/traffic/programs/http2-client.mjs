// Ten requests at once to URL over one connection, each with a body of its own; prints JSON: how often each outcome was seen.
import { connect } from "node:http2";
import { text } from "node:stream/consumers";

const [url] = process.argv.slice(2);
const session = connect(url);

async function ask(number) {
  const body = String(number).repeat(30_000);
  const stream = session.request({ ":method": "POST", ":path": `/${number}` });
  let status;
  let end;
  stream.on("response", (head) => (status = head[":status"]));
  stream.on("trailers", (trailers) => (end = trailers["x-end"]));
  stream.end(body);
  const answer = await text(stream);
  return answer === body && end === `/${number}` ? `${status}, whole` : `${status}, ${answer.length}, ${end}`;
}

const seen = {};
for (const outcome of await Promise.all(Array.from({ length: 10 }, (_, number) => ask(number)))) {
  seen[outcome] = (seen[outcome] ?? 0) + 1;
}
session.close();
console.log(JSON.stringify(seen));
