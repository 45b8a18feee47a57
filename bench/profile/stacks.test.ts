import { describe, expect, it } from "vitest";
import { renderFlameGraph } from "./flame-graph.js";
import { atWork, readStacks } from "./stacks.js";

const SAMPLE = `worker-0 
        ffffffff81000010 tcp_sendmsg+0x27 ([kernel.kallsyms])
            55d0c0ffee00 mesh_proxy::relay::flow::Flow::begin::h0123456789abcdef+0x10 (/x/mesh-proxy)
            55d0c0ffee10 <tokio::net::TcpStream as tokio::io::AsyncWrite>::poll_write+0x10 (/x/mesh-proxy)
            55d0c0ffee20 <std::sys::Thread<alloc::vec::Vec<u8>>>::new::start+0x10 (/x/mesh-proxy)
`;
const OTHER = `worker-0 
            55d0c0ffee10 <tokio::net::TcpStream as tokio::io::AsyncWrite>::poll_write+0x10 (/x/mesh-proxy)
            55d0c0ffee20 <std::sys::Thread<alloc::vec::Vec<u8>>>::new::start+0x10 (/x/mesh-proxy)
`;

describe("the stacks that perf prints", () => {
  it("are one tree, by the plain names of functions", () => {
    const root = readStacks([SAMPLE, OTHER, SAMPLE].join("\n"));
    const [outermost] = root.called.values();
    expect(outermost).toMatchObject({
      name: "std::sys::Thread::new::start",
      isKernel: false,
      samples: 3,
    });
    expect(atWork(root)).toEqual([
      { name: "tcp_sendmsg", isKernel: true, samples: 2 },
      { name: "tokio::io::AsyncWrite::poll_write", isKernel: false, samples: 1 },
    ]);
  });

  it("are drawn as wide as they were seen often", () => {
    const picture = renderFlameGraph(readStacks([SAMPLE, OTHER].join("\n")), "<title>");
    const widths = [...picture.matchAll(/<title>(.*?):? [\d.]+ %.*?width="([\d.]+)"/g)];
    expect(widths.map(([, name, width]) => [name, width])).toEqual([
      ["all", "1180.0"],
      ["std::sys::Thread::new::start", "1180.0"],
      ["tokio::io::AsyncWrite::poll_write", "1180.0"],
      ["mesh_proxy::relay::flow::Flow::begin", "590.0"],
      ["tcp_sendmsg", "590.0"],
    ]);
    expect(picture).toContain("&lt;title&gt;");
  });
});
