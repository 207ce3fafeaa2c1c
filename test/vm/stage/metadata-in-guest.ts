import type { Guest } from "../machine/guest.ts";
import { writing } from "../machine/provision.ts";

const NODE = "/usr/lib/builder-agent/node/bin/node";
const PORT = 8_880;
const PREEMPTED = "/run/preempted";

/** Google's metadata server as far as notices go: preempted once there is a file. */
const SERVER = `
import { existsSync } from "node:fs";
import { createServer } from "node:http";
const isTold = () => existsSync("${PREEMPTED}");
createServer(async ({ url }, response) => {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  const asks = pathname.endsWith("/preempted");
  const until = Date.now() + Number(searchParams.get("timeout_sec") ?? 0) * 1_000;
  while (searchParams.has("wait_for_change") && Date.now() < until && !(asks && isTold()))
    await new Promise((resolve) => setTimeout(resolve, 100));
  const value = asks ? (isTold() ? "TRUE" : "FALSE") : pathname.endsWith("/id") ? "1" : "NONE";
  response.writeHead(200, { "Metadata-Flavor": "Google", "Content-Type": "application/text", ETag: value });
  response.end(value);
}).listen(${PORT}, "127.0.0.1");
`;

/** Has the agent follow a Google's platform that runs in the guest; resolves when it does. */
export async function followGoogle(guest: Guest): Promise<void> {
  await guest.run(writing([{ path: "/run/metadata.mjs", permissions: "0644", content: SERVER }]));
  await guest.run(`systemd-run --quiet --unit=metadata ${NODE} /run/metadata.mjs`);
  const config = "/etc/builder-agent/config.toml";
  const url = `gcpMetadataUrl = "http://127.0.0.1:${PORT}"`;
  await guest.run(
    `sed -i '/^\\[identity\\]/a ${url}' ${config} && printf '\\n[notices]\\nplatform = "gcp"\\n' >> ${config}`,
  );
  await guest.run("systemctl restart builder-agent-control.service");
  const heeds = "journalctl --unit=builder-agent-control.service --output=cat | grep --quiet '\"notices.heeding\"'";
  await guest.run(`until ${heeds}; do sleep 0.5; done`);
}

/** The platform's word, as late as it ever comes: 30 s before the end. */
export const preempt = (guest: Guest): Promise<string> => guest.run(`touch ${PREEMPTED}`);
