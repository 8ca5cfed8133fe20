import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A nightly integration with Java's own HttpClient: log in, find things by their names, upload a
 * file, run a process, download an export, log out. It speaks to anaplan-agent in the place of
 * Anaplan, and knows nothing of keys, certificates or Anaplan's tokens.
 *
 * <pre>AGENT=http://127.0.0.1:8470 CLIENT=nightly SECRET_FILE=nightly.secret java Nightly.java sales.csv report.csv</pre>
 *
 * or with a token that it is given, and then it neither logs in nor out:
 *
 * <pre>anaplan-agent exec --phantom --client nightly -- java Nightly.java sales.csv report.csv</pre>
 *
 * JSON is read with regular expressions only so that this file needs no library.
 */
public class Nightly {
    static final HttpClient http = HttpClient.newHttpClient();
    static String agent;
    static String authorization;

    public static void main(String[] args) throws Exception {
        if (args.length != 2) {
            System.err.println("usage: java Nightly.java UPLOAD.csv DOWNLOAD.csv");
            System.exit(2);
        }
        try {
            agent = setting("ANAPLAN_API_URL", null) != null ? setting("ANAPLAN_API_URL", null) : needed("AGENT");
            String given = setting("ANAPLAN_TOKEN", null);
            if (given != null) {
                authorization = "AnaplanAuthToken " + given;
                work(args[0], args[1]);
                return;
            }
            login();
            try {
                work(args[0], args[1]);
            } finally {
                text("POST", "/token/logout", BodyPublishers.noBody());
                System.out.println("logged out");
            }
        } catch (IllegalStateException failure) { // it has its own words
            System.err.println(failure.getMessage());
            System.exit(1);
        } catch (IOException failure) {
            System.err.println(failure);
            System.exit(1);
        }
    }

    static void login() throws Exception {
        String secret = Files.readString(Path.of(needed("SECRET_FILE"))).strip();
        byte[] login = (needed("CLIENT") + ":" + secret).getBytes(StandardCharsets.UTF_8);
        authorization = "Basic " + Base64.getEncoder().encodeToString(login);
        String token = field("tokenValue", text("POST", "/token/authenticate", BodyPublishers.noBody()));
        authorization = "AnaplanAuthToken " + token;
    }

    static void work(String upload, String download) throws Exception {
        String model = named(text("GET", "/2/0/models", BodyPublishers.noBody()), setting("MODEL", "Plan"));
        String place = "/2/0/workspaces/" + field("currentWorkspaceId", model) + "/models/" + field("id", model);
        System.out.println("model " + place);

        String source = place + "/files/" + id(place + "/files", setting("FILE", "Sales.csv"));
        text("POST", source, json("{\"chunkCount\": 1}"));
        text("PUT", source + "/chunks/0", BodyPublishers.ofFile(Path.of(upload)));
        text("POST", source + "/complete", json("{}"));
        System.out.println("uploaded " + upload);

        run(place + "/processes/" + id(place + "/processes", setting("PROCESS", "Nightly load")));
        String export = id(place + "/exports", setting("EXPORT", "Report.csv"));
        run(place + "/exports/" + export);
        download(place + "/files/" + export, Path.of(download));
        System.out.println("downloaded " + download);
    }

    /** Starts it, waits, and fails unless Anaplan says that it went well. */
    static void run(String path) throws Exception {
        String task = field("taskId", text("POST", path + "/tasks", json("{\"localeName\": \"en_US\"}")));
        String state;
        do {
            Thread.sleep(Long.parseLong(setting("PAUSE_MS", "5000")));
            state = text("GET", path + "/tasks/" + task, BodyPublishers.noBody());
        } while (!state.matches("(?s).*\"taskState\"\\s*:\\s*\"(COMPLETE|CANCELLED)\".*"));
        System.out.println(path + " " + field("taskState", state));
        if (state.matches("(?s).*\"successful\"\\s*:\\s*false.*") || !state.contains("\"successful\"")) {
            throw new IllegalStateException(path + " was not successful: " + state);
        }
    }

    static void download(String file, Path to) throws Exception {
        Files.write(to, new byte[0]);
        Matcher chunk = Pattern.compile("\"id\"\\s*:\\s*\"([^\"]*)\"").matcher(text("GET", file + "/chunks", BodyPublishers.noBody()));
        while (chunk.find()) {
            byte[] bytes = bytes("GET", file + "/chunks/" + chunk.group(1), BodyPublishers.noBody());
            Files.write(to, bytes, java.nio.file.StandardOpenOption.APPEND);
        }
    }

    static HttpRequest request(String method, String path, BodyPublisher body) {
        return HttpRequest.newBuilder(URI.create(agent + path)).method(method, body)
            .header("Authorization", authorization).header("Content-Type", "application/json").build();
    }

    static String text(String method, String path, BodyPublisher body) throws Exception {
        return new String(bytes(method, path, body), StandardCharsets.UTF_8);
    }

    static byte[] bytes(String method, String path, BodyPublisher body) throws Exception {
        var response = http.send(request(method, path, body), BodyHandlers.ofByteArray());
        if (response.statusCode() / 100 != 2) {
            String said = new String(response.body(), StandardCharsets.UTF_8);
            throw new IllegalStateException(method + " " + path + ": " + response.statusCode() + " " + said);
        }
        return response.body();
    }

    static BodyPublisher json(String text) {
        return BodyPublishers.ofString(text);
    }

    static String setting(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    static String needed(String name) {
        if (setting(name, null) == null) {
            throw new IllegalStateException(name + " is not set");
        }
        return setting(name, null);
    }

    static String id(String list, String name) throws Exception {
        return field("id", named(text("GET", list, BodyPublishers.noBody()), name));
    }

    /** The object of that name in a list: one without objects inside. */
    static String named(String list, String name) {
        Matcher object = Pattern.compile("\\{[^{}]*\\}").matcher(list);
        while (object.find()) {
            if (name.equals(fieldOrNull("name", object.group()))) {
                return object.group();
            }
        }
        throw new IllegalStateException("there is no " + name + " in " + list);
    }

    static String field(String name, String json) {
        String value = fieldOrNull(name, json);
        if (value == null) {
            throw new IllegalStateException("there is no " + name + " in the answer");
        }
        return value;
    }

    static String fieldOrNull(String name, String json) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]*)\"").matcher(json);
        return found.find() ? found.group(1) : null;
    }
}
