import { describe, expect, it } from "vitest";
import { Content, PIECE } from "./content.js";

const content = new Content(1);
const body = Buffer.concat(Array.from({ length: 40 }, (_, index) => content.piece(7, index * PIECE, PIECE)));

describe("the content of bodies", () => {
  it("is known from any place on", () => {
    expect(content.matches(7, 0, body)).toBe(true);
    expect(content.matches(7, 1_000_000, body.subarray(1_000_000, 1_300_000))).toBe(true);
  });

  it("is not that of another body, another soak, or another place", () => {
    expect(content.matches(8, 0, body.subarray(0, 8))).toBe(false);
    expect(new Content(2).matches(7, 0, body.subarray(0, 8))).toBe(false);
    expect(content.matches(7, PIECE, body.subarray(0, 8))).toBe(false);
  });

  it("shows a single byte that is wrong, missing, or there twice", () => {
    const wrong = Buffer.from(body);
    wrong.writeUInt8(wrong.readUInt8(1_500_000) ^ 1, 1_500_000);
    expect(content.matches(7, 0, wrong)).toBe(false);
    const without = Buffer.concat([body.subarray(0, 1_000), body.subarray(1_001)]);
    expect(content.matches(7, 0, without)).toBe(false);
    const twice = Buffer.concat([body.subarray(0, PIECE), body]);
    expect(content.matches(7, 0, twice)).toBe(false);
  });
});
