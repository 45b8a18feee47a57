// Says lines of text, and bytes, over a WebSocket to URL, one after another, and prints what it hears.
const [url] = process.argv.slice(2);
const said = ["one", "two", new Uint8Array(100_000), "three"];

const socket = new WebSocket(url);
socket.binaryType = "arraybuffer";
const say = () => (said.length > 0 ? socket.send(said.shift()) : socket.close(1000));
socket.onopen = say;
socket.onmessage = ({ data }) => {
  console.log(typeof data === "string" ? data : `${data.byteLength} bytes`);
  say();
};
socket.onclose = ({ code }) => console.log(`closed with ${code}`);
