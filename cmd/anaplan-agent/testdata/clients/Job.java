import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The job by java.net.http.HttpClient, or with a second argument by HttpURLConnection. */
public class Job {
    static final String PLAN = "https://api.anaplan.com/2/0/workspaces/8a8196b15b7dbae6015b8694411d13fe/models/6D203BA7549241C7BEE26C93DE987F12";
    static final HttpClient CLIENT = HttpClient.newHttpClient();
    static boolean old;

    static String call(String method, String url, String authorization, byte[] body, String type) throws Exception {
        return old ? byConnection(method, url, authorization, body, type) : byClient(method, url, authorization, body, type);
    }

    static String byClient(String method, String url, String authorization, byte[] body, String type) throws Exception {
        HttpResponse<String> answer = CLIENT.send(HttpRequest.newBuilder(URI.create(url))
            .method(method, HttpRequest.BodyPublishers.ofByteArray(body))
            .header("Authorization", authorization).header("Content-Type", type).build(), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() / 100 != 2) throw new IOException(answer + answer.body());
        return answer.body();
    }

    static String byConnection(String method, String url, String authorization, byte[] body, String type) throws Exception {
        HttpURLConnection connection = (HttpURLConnection) URI.create(url).toURL().openConnection();
        connection.setRequestMethod(method);
        connection.setRequestProperty("Authorization", authorization);
        connection.setRequestProperty("Content-Type", type);
        if (!method.equals("GET")) {
            connection.setDoOutput(true);
            connection.getOutputStream().write(body);
        }
        try (InputStream in = connection.getInputStream()) {
            return new String(in.readAllBytes());
        }
    }

    static String field(String name, String json) throws IOException {
        Matcher found = Pattern.compile("\"" + name + "\":\"([^\"]*)\"").matcher(json);
        if (!found.find()) throw new IOException("no " + name + " in " + json);
        return found.group(1);
    }

    public static void main(String[] args) throws Exception {
        old = args.length > 1;
        byte[] none = new byte[0];
        String basic = "Basic " + Base64.getEncoder().encodeToString("ana@example.com:password".getBytes());
        String token = "AnaplanAuthToken " + field("tokenValue", call("POST", "https://auth.anaplan.com/token/authenticate", basic, none, "application/json"));
        Matcher name = Pattern.compile("\"name\":\"([^\"]*)\"").matcher(call("GET", "https://api.anaplan.com/2/0/models", token, none, "application/json"));
        System.out.print("models:");
        while (name.find()) System.out.print(" " + name.group(1));
        System.out.println();
        call("PUT", PLAN + "/files/113000000001", token, Files.readAllBytes(Path.of(args[0])), "application/octet-stream");
        String tasks = PLAN + "/processes/118000000001/tasks";
        String task = field("taskId", call("POST", tasks, token, "{\"localeName\":\"en_US\"}".getBytes(), "application/json"));
        String state;
        while (!(state = field("taskState", call("GET", tasks + "/" + task, token, none, "application/json"))).equals("COMPLETE")) Thread.sleep(100);
        System.out.println("process: " + state);
    }
}
