/**
 * Where clouds tell a machine its secrets, and the port that answers. A table of its own, not the
 * guard's: a probe that took its targets from there would never miss what was forgotten there. The
 * sources are the clouds' own pages on instance metadata (2026).
 */
export const METADATA_TARGETS: readonly { readonly host: string; readonly port: number }[] = [
  // AWS EC2, Azure, Google Cloud, Oracle Cloud, DigitalOcean, Hetzner, OpenStack.
  { host: "169.254.169.254", port: 80 },
  // AWS EC2 with IPv6 enabled for its metadata.
  { host: "fd00:ec2::254", port: 80 },
  // AWS ECS: credentials of a task.
  { host: "169.254.170.2", port: 80 },
  // AWS EKS Pod Identity.
  { host: "169.254.170.23", port: 80 },
  { host: "fd00:ec2::23", port: 80 },
  // Google Cloud over IPv6.
  { host: "fd20:ce::254", port: 80 },
  // Azure's wire server: goal state and certificates, and its host plugin.
  { host: "168.63.129.16", port: 80 },
  { host: "168.63.129.16", port: 32_526 },
  // Oracle Cloud: before 169.254.169.254, and over IPv6.
  { host: "192.0.0.192", port: 80 },
  { host: "fd00:c1::a9fe:a9fe", port: 80 },
  // Alibaba Cloud.
  { host: "100.100.100.200", port: 80 },
  { host: "fd00:100::100:200", port: 80 },
  // Akamai (Linode) over IPv6.
  { host: "fd00:a9fe:a9fe::1", port: 80 },
  // Scaleway.
  { host: "169.254.42.42", port: 80 },
  { host: "fd00:42::42", port: 80 },
  // 169.254.169.254 through a NAT64 gateway: the well-known prefix (RFC 6052), and the local one
  // (RFC 8215) as a whole and as the first /96 of it.
  { host: "64:ff9b::a9fe:a9fe", port: 80 },
  { host: "64:ff9b:1:a9fe:a9:fe00::", port: 80 },
  { host: "64:ff9b:1::a9fe:a9fe", port: 80 },
];
