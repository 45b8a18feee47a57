// Calls the service of multiplexed.mjs at HOST:PORT in all ways, and prints what came of it as JSON.
import { createRequire } from "node:module";

const { Client, credentials } = createRequire("/mesh/")("@grpc/grpc-js");

const [address] = process.argv.slice(2);
const client = new Client(address, credentials.createInsecure());
const same = (bytes) => bytes;

const call = (path, message) =>
  new Promise((resolve) => {
    const deadline = Date.now() + 30_000;
    client.makeUnaryRequest(path, same, same, Buffer.from(message), { deadline }, (error, answer) =>
      resolve(error ? `${error.code} ${error.details}` : answer.toString()),
    );
  });

const talk = (messages) =>
  new Promise((resolve) => {
    const heard = [];
    const stream = client.makeBidiStreamRequest("/test.Echo/Talk", same, same);
    const say = () => {
      const message = messages.shift();
      if (message === undefined) stream.end();
      else stream.write(Buffer.from(message));
    };
    stream.on("data", (message) => {
      heard.push(message.toString());
      say();
    });
    stream.on("error", ({ code, details }) => resolve(`${code} ${details}`));
    stream.on("end", () => resolve(heard.join(" ")));
    say();
  });

console.log(
  JSON.stringify({
    said: await call("/test.Echo/Say", "hello"),
    refused: await call("/test.Echo/Refuse", ""),
    unknown: (await call("/test.Echo/Sing", "")).slice(0, 2),
    talked: await talk(["one", "two", "three"]),
  }),
);
client.close();
