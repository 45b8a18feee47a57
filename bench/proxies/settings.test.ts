import { describe, expect, it } from "vitest";
import { readSettings } from "./settings.js";

describe("the settings", () => {
  it("are three rounds of five seconds unless told otherwise", () => {
    expect(readSettings([])).toEqual({ against: "peers", rounds: 3, seconds: 5 });
    expect(readSettings(["--rounds", "1", "--seconds=2", "--step", "pace", "--envoy", "/bin/envoy"])).toEqual(
      {
        against: "peers",
        step: "pace",
        rounds: 1,
        seconds: 2,
        envoy: "/bin/envoy",
      },
    );
  });

  it.each([
    [["--rounds", "0"], "--rounds 0"],
    [["--seconds", "1.5"], "--seconds 1.5"],
    [["--turns", "3"], "--turns"],
    [["--against", "envoy"], "--against envoy"],
    [["--step", "walk"], "--step walk"],
    [["--step", ""], "--step "],
    [["3"], "3"],
  ])("name what cannot be taken: %j", (args, named) => {
    expect(() => readSettings(args)).toThrow(named);
  });
});
