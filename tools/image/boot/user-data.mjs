import { agentUserData } from "../guest/agent-user-data.mjs";

/** This machine, as the guest sees it. */
export const HOST = "10.0.2.100";

/**
 * @param {import("./options.mjs").BootOptions} options @param
 *   {NonNullable<import("./options.mjs").BootOptions["plane"]>} plane
 */
export function userData({ sshPublicKey }, { port, serverName, ca, joinToken }) {
  const config = `[controlPlane]
endpoint = "${HOST}:${port}"
serverName = ${JSON.stringify(serverName)}
caFile = "/etc/builder-agent/control-plane-ca.pem"

[identity]
kind = "join-token"

[health]
# QEMU forwards to the guest's address, not to its loopback.
listen = "0.0.0.0:9464"
`;
  return agentUserData({ config, controlPlaneCa: ca, joinToken, ...(sshPublicKey ? { sshPublicKey } : {}) });
}
