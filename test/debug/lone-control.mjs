// Asks for a terminal as control does, and then does nothing: somebody kills it.
import { connect } from "node:net";

const [path, ...command] = process.argv.slice(2);
const socket = connect(path ?? "");
socket.once("data", () => {
  const order = { v: 1, is: "open", command, runAs: "unprivileged", columns: 80, rows: 24 };
  socket.write(`${JSON.stringify(order)}\n`);
});
