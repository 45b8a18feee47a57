// What `mesh auth` asks and shows.
export { type AuthQuestion, showAuth } from "./show.js";
