// Calls the applications of payment.yaml at HOST, and tells at port 9000 how it is answered: GET /http, /grpc and /stock. GET /hold
// opens a connection to the stock that stays, and /held tells whether it still does.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { createInterface } from "node:readline";

const { Client, credentials } = createRequire("/mesh/")("@grpc/grpc-js");

const [host] = process.argv.slice(2);
const grpc = new Client(`${host}:50051`, credentials.createInsecure());
const same = (bytes) => bytes;

async function http() {
  const answer = await fetch(`http://${host}/`);
  const body = await answer.text();
  return answer.ok ? "answered" : `${answer.status} ${body}`;
}

const call = () =>
  new Promise((resolve) => {
    const deadline = Date.now() + 10_000;
    const answered = (error, answer) => resolve(error ? `${error.code} ${error.details}` : answer.toString());
    grpc.makeUnaryRequest("/test.Echo/Say", same, same, Buffer.from("answered"), { deadline }, answered);
  });

/** Asks at once, without waiting for the greeting. Resolves with the answer when that is there, and otherwise at the end. */
function ask() {
  const socket = connect(7070, host, () => socket.write("COUNT apples\n"));
  const answered = new Promise((resolve) => {
    const lines = [];
    // The socket's errors are the interface's as well.
    createInterface({ input: socket })
      .on("error", () => undefined)
      .on("line", (line) => {
        if (lines.push(line) === 2) resolve("answered");
      });
    socket.on("error", () => undefined).on("close", () => resolve("closed"));
  });
  return { socket, answered };
}

async function stock() {
  const { socket, answered } = ask();
  return answered.finally(() => socket.destroy());
}

let held;
async function hold() {
  const { socket, answered } = ask();
  held = socket;
  return answered;
}

const ANSWERS = {
  "/ready": async () => "",
  "/http": http,
  "/grpc": call,
  "/stock": stock,
  "/hold": hold,
  "/held": async () => (held.closed ? "closed" : "open"),
};
createServer((request, response) => {
  ANSWERS[request.url]().then(
    (answer) => response.end(answer.trim()),
    (error) => response.end(String(error.cause ?? error)),
  );
}).listen(9000);
process.on("SIGTERM", () => process.exit(0));
