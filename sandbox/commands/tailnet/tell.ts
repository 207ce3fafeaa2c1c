import { shellLine } from "../../stack/client-lines.ts";
import { recordFile, type TailnetRecord } from "../../tailnet/record.ts";
import type { Terminal } from "../../terminal/terminal.ts";

/** What there is, and what to do with it. */
export function tellTailnet(dir: string, record: TailnetRecord, { out, paint }: Terminal): void {
  const { coordinationUrl, apiUrl, clientId, pageUrl, privateUrl, sandboxPid, tags } = record;
  const command = (...words: readonly string[]): void =>
    out(`npm run --silent sandbox -- tailnet ${shellLine([...words, "--dir", dir])}`);
  const step = (text: string): void => out(`\n${paint("dim", text)}`);
  out(`${paint("green", "Ready.")} A tailnet of its own: nothing of it leaves this machine.`);
  out(`Coordination server: ${coordinationUrl}   API: ${apiUrl}`);
  out(`OAuth client: ${clientId}, for ${tags.join(", ")}; its secret is in ${recordFile(dir)}`);
  out(`A private page: ${pageUrl}${privateUrl === undefined ? "" : `, and one behind a subnet route: ${privateUrl}`}`);
  if (sandboxPid === undefined) {
    step("No sandbox is up in this directory. A machine of your own joins with a key:");
    command("key");
  } else {
    step("1. Let the sandbox's machine join:");
    command("grant", ...(privateUrl === undefined ? [] : ["--accept-routes"]));
    step(`2. Open a build, and let a step of it fetch the page: RUN wget -O- ${pageUrl}`);
    step("3. Let it leave; the page is out of reach from then on:");
    command("withdraw");
  }
  step("Its nodes, as their owner sees them:");
  command("nodes");
  step("Ctrl-C ends everything.");
}
