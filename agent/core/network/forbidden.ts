import { BITS, type Family } from "./address.ts";
import { type Cidr, cidr } from "./cidr.ts";

/** Where clouds tell a machine its secrets; no policy opens them. */
export const METADATA: readonly { readonly address: string; readonly whose: string }[] = [
  // AWS, "Access instance metadata for an EC2 instance"; also Azure, Google, Oracle, DigitalOcean,
  // OpenStack, …
  { address: "169.254.169.254", whose: "AWS, Azure, Google Cloud, Oracle Cloud and others" },
  { address: "fd00:ec2::254", whose: "AWS" },
  // AWS, "Task IAM role": AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.
  { address: "169.254.170.2", whose: "AWS ECS" },
  // AWS, "EKS Pod Identity".
  { address: "169.254.170.23", whose: "AWS EKS" },
  { address: "fd00:ec2::23", whose: "AWS EKS" },
  // Google Cloud, "About VM metadata": metadata.google.internal.
  { address: "fd20:ce::254", whose: "Google Cloud" },
  // Azure, "What is IP address 168.63.129.16?": the wire server; its port 53 is the machine's
  // resolver.
  { address: "168.63.129.16", whose: "Azure" },
  // Oracle Cloud, before its 169.254.169.254 for VMs; and its address for IPv6.
  { address: "192.0.0.192", whose: "Oracle Cloud" },
  { address: "fd00:c1::a9fe:a9fe", whose: "Oracle Cloud" },
  // Alibaba Cloud, "Access instance metadata".
  { address: "100.100.100.200", whose: "Alibaba Cloud" },
  // Its IPv6 address: cloud-init's data source for Alibaba Cloud.
  { address: "fd00:100::100:200", whose: "Alibaba Cloud" },
  // Akamai (Linode), "Metadata service API"; cloud-init's data source for Akamai.
  { address: "fd00:a9fe:a9fe::1", whose: "Akamai" },
  // Scaleway, "Use instance metadata".
  { address: "169.254.42.42", whose: "Scaleway" },
  { address: "fd00:42::42", whose: "Scaleway" },
];

/** What is on no network that a build has business with. RFC 6890 unless it is said otherwise. */
const NEVER: readonly string[] = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/128",
  "::1/128",
  "::ffff:0:0/96",
  // 6to4 (RFC 7526: no longer to be used): an IPv4 address in disguise.
  "2002::/16",
  // NAT64's local prefix (RFC 8215): which part of it is a gateway's, and so where an IPv4 address
  // sits in it, is known to the network alone.
  "64:ff9b:1::/48",
  "fe80::/10",
  "ff00::/8",
];

/** What a project may open: networks that are somebody's own. */
const PRIVATE: readonly string[] = [
  "10.0.0.0/8",
  "100.64.0.0/10",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "fc00::/7",
  // Site-local (RFC 3879: no longer to be used, and still routed here and there).
  "fec0::/10",
];

export const ALWAYS_FORBIDDEN: readonly Cidr[] = withNat64(
  [...METADATA.map(({ address }) => address), ...NEVER].map(cidr),
);

export const PRIVATE_RANGES: readonly Cidr[] = withNat64(PRIVATE.map(cidr));

/**
 * Also as a NAT64 gateway would be asked for them (RFC 6052's well-known prefix): it sits in the
 * private network that it leads to.
 */
function withNat64(ranges: readonly Cidr[]): readonly Cidr[] {
  const { base: prefix } = cidr("64:ff9b::/96");
  const embedded = ranges
    .filter(({ family }) => family === ("ipv4" satisfies Family))
    .map(
      (range) => ({ family: "ipv6", base: prefix | range.base, prefix: BITS.ipv6 - BITS.ipv4 + range.prefix }) as const,
    );
  return [...ranges, ...embedded];
}
