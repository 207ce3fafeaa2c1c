/**
 * Real components, built from Go modules of ours that pin them; and what tests ask how Go reads.
 */
export const goTools = {
  buildkit: {
    name: "buildkit",
    module: "github.com/moby/buildkit",
    commands: { buildkitd: ["--version"], buildctl: ["--version"] },
    takes: "3 minutes",
  },
  buildx: {
    name: "buildx",
    module: "github.com/docker/buildx",
    commands: { buildx: ["version"] },
    takes: "2 minutes",
  },
  bbolt: {
    name: "bbolt",
    module: "go.etcd.io/bbolt",
    commands: { bbolt: ["version"] },
    takes: "20 seconds",
  },
  tailscale: {
    name: "tailscale",
    module: "tailscale.com",
    commands: { tailscale: ["version"], tailscaled: ["--version"] },
    stamps: ["tailscale.com/version.longStamp", "tailscale.com/version.shortStamp"],
    takes: "3 minutes",
  },
  headscale: {
    name: "headscale",
    module: "github.com/juanfont/headscale",
    // With the relay that nodes meet at until they have found a direct way.
    commands: { headscale: ["version"], derper: ["--version"] },
    // It finds its version by itself, among the modules that it was built of.
    stamps: [],
    takes: "6 minutes",
  },
  h2reader: {
    name: "h2reader",
    // Its own version says nothing: this is the library that it asks.
    module: "golang.org/x/net",
    isOurs: true,
    commands: { h2reader: [] },
    stamps: [],
    takes: "20 seconds",
  },
};
