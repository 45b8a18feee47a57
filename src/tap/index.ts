// What `mesh tap` asks and shows.
export { showTap, type TapQuestion } from "./show.js";
