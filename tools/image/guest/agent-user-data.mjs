/**
 * What cloud-init writes on a machine of the image so that its agent starts: the same on a cloud,
 * as user data.
 * @param {object} of
 * @param {string} of.config Content of /etc/builder-agent/config.toml.
 * @param {string} of.controlPlaneCa PEM.
 * @param {string} [of.joinToken]
 * @param {string} [of.sshPublicKey] Turns ssh on, for the user `builder`, who may do everything.
 * @returns {Readonly<Record<string, unknown>> & { write_files: ReadonlyArray<{ path: string,
 * content: string, permissions: string }> }} A #cloud-config.
 */
export function agentUserData({ config, controlPlaneCa, joinToken, sshPublicKey }) {
  const files = [
    { path: "/etc/builder-agent/control-plane-ca.pem", content: controlPlaneCa, permissions: "0644" },
    ...(joinToken ? [{ path: "/etc/credstore/join-token", content: joinToken, permissions: "0600" }] : []),
    // The last: its being there is what starts the agent.
    { path: "/etc/builder-agent/config.toml", content: config, permissions: "0644" },
  ];
  return { write_files: files, ...(sshPublicKey ? sshFor(sshPublicKey) : { users: [] }) };
}

/** @param {string} publicKey */
const sshFor = (publicKey) => ({
  users: [{ name: "builder", shell: "/bin/bash", sudo: "ALL=(ALL) NOPASSWD:ALL", ssh_authorized_keys: [publicKey] }],
  // As `systemctl enable --now` does, but that it also asks System V's scripts: 13 s under
  // emulation.
  runcmd: [
    ["ln", "-s", "/lib/systemd/system/ssh.service", "/etc/systemd/system/multi-user.target.wants/ssh.service"],
    ["systemctl", "start", "--no-block", "ssh.service"],
  ],
});
