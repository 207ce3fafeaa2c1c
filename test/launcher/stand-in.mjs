// Stands in for gateway and control: a process that tells in a journal what happens to it.
//   node stand-in.mjs gateway JOURNAL
//   node stand-in.mjs control JOURNAL [stubborn | defenceless | exits:CODE]
// As an older release it does not tell that it lives ($ALIVE_FD).
import { appendFileSync } from "node:fs";
import { createServer } from "node:net";

const [role, journal, behaviour = ""] = process.argv.slice(2);
if (role === undefined || journal === undefined) throw new Error("usage: stand-in.mjs ROLE JOURNAL [BEHAVIOUR]");

/** @param {string} what */
const tell = (what) => appendFileSync(journal, `${JSON.stringify({ role, pid: process.pid, what })}\n`);
/** @param {string} what */
const end = (what) => {
  tell(what);
  process.exit(0);
};

process.stdin.on("end", () => end("parent gone")).resume();
if (behaviour !== "defenceless") {
  process.on("SIGTERM", () => (behaviour === "stubborn" ? tell("SIGTERM") : end("SIGTERM")));
  process.on("SIGHUP", () => tell("SIGHUP"));
}

const { LISTEN_FDS, LISTEN_PID, BUILDER_AGENT_PARENT, BUILDER_AGENT_SEAT } = process.env;
tell(`started ${JSON.stringify({ LISTEN_FDS, LISTEN_PID, BUILDER_AGENT_PARENT, BUILDER_AGENT_SEAT })}`);
if (role === "gateway") createServer((socket) => socket.end(String(process.pid))).listen({ fd: 3 });
const code = /^exits:(\d+)$/.exec(behaviour)?.[1];
if (code !== undefined) process.exit(Number(code));
