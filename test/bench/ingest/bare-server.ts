/** The ceiling: node:http, the body is read, nothing is done with it. */
import { createServer } from "node:http";

const [port = ""] = process.argv.slice(2);
const ANSWER = `${JSON.stringify({ accepted: 1, positions: [1] })}\n`;

createServer((request, response) => {
  const pieces: Uint8Array[] = [];
  request.on("data", (piece: Uint8Array) => pieces.push(piece));
  request.on("end", () => {
    response.writeHead(202, { "content-type": "application/json", "content-length": String(ANSWER.length) });
    response.end(ANSWER);
  });
}).listen(Number(port), "127.0.0.1");
