// Follows a rig and decodes its masks: node subscribe.mjs [endpoint] [number of results after which to end]
import { Subscriber } from "zeromq";

/** COCO compressed run lengths -> Uint8Array, one byte per pixel, column by column (pixel x, y is at x * height + y). */
function decodeMask({ size: [height, width], counts }) {
  const bitmap = new Uint8Array(height * width);
  const runs = [];
  for (let at = 0, pixel = 0; at < counts.length; pixel += runs.at(-1)) {
    let value = 0, shift = 0, code;
    do {
      code = counts.charCodeAt(at++) - 48; // five bits of the number, lowest first; bit 5: more follow
      value += (code & 31) * 2 ** shift;
      shift += 5;
    } while (code & 32);
    if (code & 16) value -= 2 ** shift; // the last group carries the sign
    if (runs.length > 2) value += runs.at(-2); // from the fourth run on: difference to the run before last
    if (runs.length % 2) bitmap.fill(1, pixel, pixel + value); // outside and inside take turns, outside first
    runs.push(value);
  }
  return bitmap;
}

const [endpoint = "tcp://127.0.0.1:5570", limit = "Infinity"] = process.argv.slice(2);
const socket = new Subscriber({ linger: 0 });
socket.connect(endpoint);
socket.subscribe("wbc/1/");
let results = 0;
for await (const [topic, headerBytes, bodyBytes] of socket) {
  const header = JSON.parse(headerBytes), body = JSON.parse(bodyBytes);
  console.log(String(topic), "seq", header.seq);
  if (header.schema !== "wbc.result") continue;
  for (const cell of body.cells) {
    const area = decodeMask(cell.mask).reduce((sum, inside) => sum + inside, 0);
    console.log(`frame ${header.frame} cell ${cell.id} ${cell.label} ${cell.score} area ${area} of ${cell.area_px} px`);
  }
  if (++results >= Number(limit)) break;
}
