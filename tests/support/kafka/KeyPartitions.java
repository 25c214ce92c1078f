import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HexFormat;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/** For each key on standard input, in hexadecimal, the partition of COUNT that Java's producer chooses. */
public class KeyPartitions {
  public static void main(String[] arguments) throws Exception {
    int count = Integer.parseInt(arguments[0]);
    var in = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = in.readLine()) != null;) {
      byte[] key = HexFormat.of().parseHex(line);
      System.out.println(BuiltInPartitioner.partitionForKey(key, count));
    }
  }
}
