import { spawn } from "node:child_process";
import { once } from "node:events";
import { TABLE } from "../../../agent/core/network/guard.ts";
import type { NetworkNamespace } from "../../../sandbox/net/namespace.ts";

/**
 * The machine has no guard meanwhile: one that was only deleted, the agent would put back within a
 * second. A table with an owner (nft(8), "flags owner") is nobody else's to change, and goes with
 * the process that made it. @throws {Error} with nft's words.
 */
export async function withoutGuard(machine: NetworkNamespace, act: () => Promise<void>): Promise<void> {
  const { command, args } = machine.enter("nft", ["--interactive"]);
  const nft = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  const closed = once(nft, "close");
  const owned = new Promise<void>((resolve, reject) => {
    let said = "";
    nft.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("flags owner")) resolve();
    });
    nft.stderr.setEncoding("utf8").on("data", (text: string) => reject(new Error(text)));
    nft.once("error", reject).once("exit", () => reject(new Error(`nft has ended: ${said}`)));
  });
  const table = `table inet ${TABLE}`;
  nft.stdin.write(`delete ${table}; add ${table} { flags owner; }\nlist ${table}\n`);
  try {
    await owned;
    await act();
  } finally {
    nft.stdin.end();
    await closed;
  }
}
